import { TubeletError } from '../../errors.js';
import { type AddedToken, addedToken, addedTokens } from './added-tokens.js';
import { decoder } from './decoders.js';
import { type Fields, malformed } from './fields.js';
import { tokenizerModel } from './model.js';
import { type Normalizer, normalizer } from './normalizers.js';
import { postProcessor } from './post-processors.js';
import { type PreTokenizer, preTokenizer } from './pre-tokenizers.js';

/** Longest text in tokens, whatever a tokenizer's own limit. */
export const LONGEST_TEXT = 512;

/** How {@link Tokenizer.encode} encodes. */
export interface EncodeOptions {
  /** Most tokens of the result, special ones included. Default {@link Tokenizer.maxLength}. */
  readonly maxLength?: number;
}

/** A text as tokens. */
export interface EncodedText {
  /** Token ids with the special tokens, not padded. */
  readonly ids: number[];
  /** How many tokens of the text did not fit; 0 for most texts. */
  readonly droppedTokens: number;
  /** What the dropped tokens say (as decoded, so normalised), where there are any. */
  readonly droppedText?: string;
}

/** Turns texts into the token ids a text encoder was trained with, and back. */
export interface Tokenizer {
  /** The tokenizer's `model_max_length`, at most {@link LONGEST_TEXT}: the length texts are padded to. */
  readonly maxLength: number;
  /** One more than the highest token id. */
  readonly vocabularySize: number;
  readonly padTokenId: number | undefined;
  readonly bosTokenId: number | undefined;
  readonly eosTokenId: number | undefined;
  readonly unkTokenId: number | undefined;
  readonly paddingSide: 'left' | 'right';
  /**
   * The ids of `text` with the model's special tokens around them. A text that is too long loses
   * its end (its beginning with `truncation_side: "left"`), never the special tokens. Special
   * tokens that are written in the text are recognised. Lone surrogates are read as U+FFFD.
   * @throws TubeletError when `maxLength` has no room for the special tokens
   */
  encode(text: string, options?: EncodeOptions): EncodedText;
  /** The text of `ids`; special tokens are left out unless `keepSpecialTokens`. Ids of no token say nothing. */
  decode(ids: Iterable<number>, options?: { readonly keepSpecialTokens?: boolean }): string;
}

/**
 * Builds a tokenizer from the parsed `tokenizer.json` and `tokenizer_config.json` (with the fields
 * of `special_tokens_map.json` under its own). The pipeline and its results are those of Hugging
 * Face's tokenizers 0.23: added tokens, normaliser, pre-tokenizer, model, post-processor, decoder.
 * @throws TubeletError for malformed files and for kinds and options that are not supported
 */
export function createTokenizer(json: Fields, config: Fields): Tokenizer {
  const normalizerConfig = json.object('normalizer');
  const normalize: Normalizer =
    normalizerConfig === undefined ? (section) => section : normalizer(normalizerConfig);
  const preTokenizerConfig = json.object('pre_tokenizer');
  const preTokenize: PreTokenizer =
    preTokenizerConfig === undefined ? (section) => [section] : preTokenizer(preTokenizerConfig);
  const modelConfig = json.object('model');
  if (modelConfig === undefined) throw malformed(`${json.where}.model`, 'an object', undefined);
  const model = tokenizerModel(modelConfig);
  const processorConfig = json.object('post_processor');
  const processor =
    processorConfig === undefined
      ? { added: 0, apply: (ids: readonly number[]) => [...ids] }
      : postProcessor(processorConfig);
  const decoderConfig = json.object('decoder');
  const decodeTokens = decoderConfig === undefined ? undefined : decoder(decoderConfig);
  const added = addedTokens(allAddedTokens(json, config), model, normalize);

  const tokenId = (token: string): number | undefined =>
    added.tokenId(token) ?? model.tokenId(token);
  const namedToken = (name: string): number | undefined => {
    const content = tokenContent(config, name);
    if (content === undefined) return undefined;
    const id = tokenId(content);
    if (id === undefined)
      throw malformed(`${config.where}.${name}`, 'a token of tokenizer.json', content);
    return id;
  };
  const maxLength = textLimit(config);
  const truncatesLeft = side(config, 'truncation_side') === 'left';

  const textIds = (text: string): number[] => {
    const ids: number[] = [];
    for (const raw of added.splitRaw(text.replace(/\p{Surrogate}/gu, '\ufffd'))) {
      if (typeof raw === 'number') {
        ids.push(raw);
        continue;
      }
      for (const part of added.splitNormalized(normalize(raw))) {
        if (typeof part === 'number') ids.push(part);
        else for (const word of preTokenize(part)) model.encode(word.text, ids);
      }
    }
    return ids;
  };

  const decode = (ids: Iterable<number>, keepSpecialTokens = false): string => {
    const tokens: string[] = [];
    for (const id of ids) {
      const token = added.token(id) ?? model.token(id);
      if (token === undefined || (!keepSpecialTokens && added.isSpecial(token))) continue;
      tokens.push(token);
    }
    return decodeTokens === undefined ? tokens.join(' ') : decodeTokens(tokens).join('');
  };

  return {
    maxLength,
    vocabularySize: added.idLimit,
    padTokenId: namedToken('pad_token') ?? json.object('padding')?.count('pad_id'),
    bosTokenId: namedToken('bos_token'),
    eosTokenId: namedToken('eos_token'),
    unkTokenId: namedToken('unk_token'),
    paddingSide: side(config, 'padding_side'),
    encode(text, options = {}) {
      const limit = options.maxLength ?? maxLength;
      if (!Number.isSafeInteger(limit) || limit < processor.added) {
        throw new TubeletError(
          'BAD_INPUT',
          'tokenizer',
          `maxLength must be = a whole number from ${processor.added} (the special tokens), got ${limit}`,
        );
      }
      const all = textIds(text);
      const room = limit - processor.added;
      if (all.length <= room) return { ids: processor.apply(all), droppedTokens: 0 };
      const cut = truncatesLeft ? all.length - room : room;
      const [start, end] = [all.slice(0, cut), all.slice(cut)];
      const [kept, dropped] = truncatesLeft ? [end, start] : [start, end];
      return {
        ids: processor.apply(kept),
        droppedTokens: dropped.length,
        droppedText: decode(dropped).trim(),
      };
    },
    decode: (ids, options = {}) => decode(ids, options.keepSpecialTokens),
  };
}

/** Tokens that tokenizer.json adds, then those that only tokenizer_config.json knows, which transformers adds too. */
function allAddedTokens(json: Fields, config: Fields): AddedToken[] {
  const tokens = json.has('added_tokens') ? json.objects('added_tokens').map(addedToken) : [];
  const known = new Set(tokens.map((token) => token.content));
  const add = (token: AddedToken): void => {
    if (!known.has(token.content)) tokens.push(token);
    known.add(token.content);
  };
  const byId = config.object('added_tokens_decoder');
  for (const [id] of byId?.entries() ?? []) add(addedToken(byId!.object(id)!));
  for (const name of [
    'bos_token',
    'eos_token',
    'unk_token',
    'sep_token',
    'pad_token',
    'cls_token',
    'mask_token',
  ]) {
    const content = tokenContent(config, name);
    if (content !== undefined) add({ ...PLAIN_SPECIAL_TOKEN, content });
  }
  return tokens;
}

const PLAIN_SPECIAL_TOKEN = {
  singleWord: false,
  leftStrip: false,
  rightStrip: false,
  normalized: false,
  special: true,
};

/** A token of the config: its text, or an object that holds the text. */
export function tokenContent(config: Fields, name: string): string | undefined {
  const value = config.value(name);
  if (typeof value === 'object' && value !== null) return config.object(name)?.text('content');
  return config.optionalText(name);
}

function side(config: Fields, name: string): 'left' | 'right' {
  const value = config.text(name, 'right');
  if (value !== 'left' && value !== 'right')
    throw malformed(`${config.where}.${name}`, 'left or right', value);
  return value;
}

/** Files without a limit say 1e30. */
function textLimit(config: Fields): number {
  const limit = config.value('model_max_length') ?? LONGEST_TEXT;
  if (typeof limit !== 'number' || !(limit >= 1)) {
    throw malformed(`${config.where}.model_max_length`, 'a number from 1', limit);
  }
  return Math.floor(Math.min(limit, LONGEST_TEXT));
}
