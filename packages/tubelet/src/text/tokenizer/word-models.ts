import { type Fields, malformed } from './fields.js';
import { type TokenizerModel, vocabulary } from './model.js';

/** BERT's model: the longest token that begins the rest of the word, again and again. */
export function wordPieceModel(config: Fields): TokenizerModel {
  const { ids, tokens } = vocabulary(config);
  const unknown = unknownId(config, ids);
  const prefix = config.text('continuing_subword_prefix', '##');
  const longestWord = config.count('max_input_chars_per_word', 100);

  const pieces = (word: string): number[] => {
    const characters = Array.from(word);
    if (characters.length > longestWord) return [unknown()];
    const result: number[] = [];
    for (let start = 0; start < characters.length; ) {
      let end = characters.length;
      let id: number | undefined;
      for (; end > start; end--) {
        id = ids.get((start > 0 ? prefix : '') + characters.slice(start, end).join(''));
        if (id !== undefined) break;
      }
      if (id === undefined) return [unknown()];
      result.push(id);
      start = end;
    }
    return result;
  };

  return {
    size: ids.size,
    tokenId: (token) => ids.get(token),
    token: (id) => tokens.get(id),
    encode(text, result) {
      for (const id of pieces(text)) result.push(id);
    },
  };
}

/** One token per word. */
export function wordLevelModel(config: Fields): TokenizerModel {
  const { ids, tokens } = vocabulary(config);
  const unknown = unknownId(config, ids);
  return {
    size: ids.size,
    tokenId: (token) => ids.get(token),
    token: (id) => tokens.get(id),
    encode(text, result) {
      result.push(ids.get(text) ?? unknown());
    },
  };
}

function unknownId(config: Fields, ids: ReadonlyMap<string, number>): () => number {
  const token = config.text('unk_token');
  return () => {
    const id = ids.get(token);
    if (id === undefined) {
      throw malformed(`${config.where}.unk_token`, 'a token of the vocabulary', token);
    }
    return id;
  };
}
