import { bytePairModel } from './byte-pair-model.js';
import { type Fields, malformed, ofKind } from './fields.js';
import { unigramModel } from './unigram-model.js';
import { wordLevelModel, wordPieceModel } from './word-models.js';

/** Turns one word (or a whole section, where nothing splits it) into token ids. */
export interface TokenizerModel {
  /** Number of tokens of the model itself; added tokens may have higher ids. */
  readonly size: number;
  /** Appends the ids of `text` to `ids`. */
  encode(text: string, ids: number[]): void;
  tokenId(token: string): number | undefined;
  token(id: number): string | undefined;
}

const KINDS: Readonly<Record<string, (config: Fields) => TokenizerModel>> = {
  Unigram: unigramModel,
  BPE: bytePairModel,
  WordPiece: wordPieceModel,
  WordLevel: wordLevelModel,
};

/**
 * Reads the field `model` of tokenizer.json. Files of old versions do not name its type.
 * @throws TubeletError for a kind or an option that is not supported.
 */
export function tokenizerModel(config: Fields): TokenizerModel {
  return ofKind(KINDS, config, config.optionalText('type') ?? untaggedKind(config));
}

function untaggedKind(config: Fields): string {
  if (Array.isArray(config.value('vocab'))) return 'Unigram';
  if (config.has('merges')) return 'BPE';
  return config.has('continuing_subword_prefix') ? 'WordPiece' : 'WordLevel';
}

/** A vocabulary by token and by id. */
export interface Vocabulary {
  readonly ids: ReadonlyMap<string, number>;
  readonly tokens: ReadonlyMap<number, string>;
}

/** Reads the field `vocab` of the models that write it as `{ token: id }`. */
export function vocabulary(config: Fields): Vocabulary {
  const ids = new Map<string, number>();
  const tokens = new Map<number, string>();
  for (const [token, id] of config.object('vocab')?.entries() ?? []) {
    if (!Number.isSafeInteger(id) || (id as number) < 0) {
      throw malformed(`${config.where}.vocab.${token}`, 'a token id', id);
    }
    ids.set(token, id as number);
    tokens.set(id as number, token);
  }
  if (ids.size === 0) throw malformed(`${config.where}.vocab`, 'tokens and their ids', {});
  return { ids, tokens };
}
