import { byteTokens } from './byte-fallback.js';
import { type Fields, malformed } from './fields.js';
import { type TokenizerModel, vocabulary } from './model.js';

// A pair of ids, and a rank with a position, fit into one number each: ids and ranks are below
// 2^21, positions below 2^31.
const ID_LIMIT = 2 ** 21;
const POSITION_LIMIT = 2 ** 31;

/**
 * Byte-pair encoding (Sennrich 2016): the characters of a word, then the merge of lowest rank (the
 * leftmost of equals) again and again. With a prefix for characters that continue a word or a
 * suffix for the one that ends it (`</w>` in CLIP).
 */
export function bytePairModel(config: Fields): TokenizerModel {
  if (config.value('dropout'))
    throw malformed(`${config.where}.dropout`, '0 or null', config.value('dropout'));
  const { ids, tokens } = vocabulary(config);
  const prefix = config.optionalText('continuing_subword_prefix') ?? '';
  const suffix = config.optionalText('end_of_word_suffix') ?? '';
  const unknownToken = config.optionalText('unk_token');
  const unknown = unknownToken === undefined ? undefined : ids.get(unknownToken);
  const fuseUnknown = config.flag('fuse_unk', false);
  const byteFallback = config.flag('byte_fallback', false);
  const ignoreMerges = config.flag('ignore_merges', false);
  const { ranks, mergedIds } = mergeTable(config, ids, prefix.length);

  /** The ids of the single characters of `word`. */
  const characters = (word: string): number[] => {
    const result: number[] = [];
    let pending = 0;
    const endPending = (): void => {
      for (; pending > 0; pending--) result.push(unknown!);
    };
    const all = Array.from(word);
    for (const [i, character] of all.entries()) {
      const name = (i > 0 ? prefix : '') + character + (i === all.length - 1 ? suffix : '');
      const id = ids.get(name);
      const bytes = id === undefined && byteFallback ? byteTokens(name, ids) : undefined;
      if (id !== undefined) {
        endPending();
        result.push(id);
      } else if (bytes !== undefined) {
        result.push(...bytes);
      } else if (unknownToken !== undefined) {
        if (unknown === undefined) {
          throw malformed(`${config.where}.unk_token`, 'a token of the vocabulary', unknownToken);
        }
        if (!fuseUnknown) endPending();
        pending = 1;
      }
    }
    endPending();
    return result;
  };

  const merge = (symbols: number[]): number[] => {
    const length = symbols.length;
    const next = Int32Array.from({ length }, (_, i) => i + 1);
    const previous = Int32Array.from({ length }, (_, i) => i - 1);
    const queue = minQueue();
    const offer = (left: number): void => {
      const right = next[left]!;
      if (left < 0 || right >= length) return;
      const rank = ranks.get(symbols[left]! * ID_LIMIT + symbols[right]!);
      if (rank !== undefined) queue.push(rank * POSITION_LIMIT + left);
    };
    for (let i = 0; i < length; i++) offer(i);
    for (let key = queue.pop(); key !== undefined; key = queue.pop()) {
      const left = key % POSITION_LIMIT;
      const right = next[left]!;
      if (symbols[left]! < 0 || right >= length) continue;
      // An earlier merge may have changed the pair since it was offered.
      const rank = ranks.get(symbols[left]! * ID_LIMIT + symbols[right]!);
      const merged = mergedIds[Math.floor(key / POSITION_LIMIT)]!;
      if (rank === undefined || mergedIds[rank] !== merged) continue;
      symbols[left] = merged;
      symbols[right] = -1;
      next[left] = next[right]!;
      if (next[left]! < length) previous[next[left]!] = left;
      if (previous[left]! >= 0) offer(previous[left]!);
      offer(left);
    }
    return symbols.filter((id) => id >= 0);
  };

  return {
    size: ids.size,
    tokenId: (token) => ids.get(token),
    token: (id) => tokens.get(id),
    encode(text, result) {
      const whole = ignoreMerges ? ids.get(text) : undefined;
      if (whole !== undefined) result.push(whole);
      else for (const id of merge(characters(text))) result.push(id);
    },
  };
}

/** Ranks by pair of ids, and what the merge of each rank gives. */
function mergeTable(
  config: Fields,
  ids: ReadonlyMap<string, number>,
  prefixLength: number,
): { ranks: Map<number, number>; mergedIds: number[] } {
  const idOf = (token: string, where: string): number => {
    const id = ids.get(token);
    if (id === undefined || id >= ID_LIMIT)
      throw malformed(where, 'tokens of the vocabulary', token);
    return id;
  };
  const ranks = new Map<number, number>();
  const mergedIds: number[] = [];
  for (const entry of config.list('merges')) {
    if (typeof entry === 'string' && entry.startsWith('#version')) continue;
    const rank = mergedIds.length;
    const where = `${config.where}.merges[${rank}]`;
    const pair: unknown = typeof entry === 'string' ? entry.split(' ') : entry;
    const [left, right] = Array.isArray(pair) && pair.length === 2 ? (pair as unknown[]) : [];
    if (typeof left !== 'string' || typeof right !== 'string') {
      throw malformed(where, 'two tokens', entry);
    }
    ranks.set(idOf(left, where) * ID_LIMIT + idOf(right, where), rank);
    mergedIds.push(idOf(left + right.slice(prefixLength), where));
  }
  return { ranks, mergedIds };
}

/** A binary heap of numbers, smallest first. */
function minQueue(): { push(key: number): void; pop(): number | undefined } {
  const heap: number[] = [];
  return {
    push(key) {
      let i = heap.length;
      heap.push(key);
      while (i > 0) {
        const parent = (i - 1) >> 1;
        if (heap[parent]! <= key) break;
        heap[i] = heap[parent]!;
        i = parent;
      }
      heap[i] = key;
    },
    pop() {
      const smallest = heap[0];
      const last = heap.pop();
      if (smallest === undefined || last === undefined || heap.length === 0) return smallest;
      let i = 0;
      for (;;) {
        let child = 2 * i + 1;
        if (child >= heap.length) break;
        if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child++;
        if (heap[child]! >= last) break;
        heap[i] = heap[child]!;
        i = child;
      }
      heap[i] = last;
      return smallest;
    },
  };
}
