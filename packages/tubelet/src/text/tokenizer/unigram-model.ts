import { byteTokens } from './byte-fallback.js';
import { type Fields, malformed } from './fields.js';
import type { TokenizerModel } from './model.js';

/** An unknown character costs this much more than the least likely piece. */
const UNKNOWN_PENALTY = 10;

/**
 * The unigram language model of SentencePiece (Kudo 2018): of all ways to cut a text into pieces,
 * the one with the greatest sum of log probabilities, found by the Viterbi algorithm. Neighbouring
 * unknown characters are one unknown token, or the tokens of their bytes with `byte_fallback`.
 */
export function unigramModel(config: Fields): TokenizerModel {
  const pieces: string[] = [];
  const scores: number[] = [];
  const ids = new Map<string, number>();
  // Longest piece by first UTF-16 unit: how far to look from a position.
  const longest = new Uint16Array(0x10000);
  let lowest = Number.POSITIVE_INFINITY;
  for (const [id, entry] of config.list('vocab').entries()) {
    const [piece, score] = Array.isArray(entry) ? (entry as unknown[]) : [];
    if (typeof piece !== 'string' || typeof score !== 'number') {
      throw malformed(`${config.where}.vocab[${id}]`, 'a piece and its score', entry);
    }
    pieces.push(piece);
    scores.push(score);
    ids.set(piece, id);
    lowest = Math.min(lowest, score);
    const first = piece.charCodeAt(0);
    if (piece.length > (longest[first] ?? 0xffff)) longest[first] = piece.length;
  }
  const unknown = config.has('unk_id') ? config.count('unk_id') : undefined;
  if (unknown !== undefined && unknown >= pieces.length) {
    throw malformed(`${config.where}.unk_id`, `less than ${pieces.length}`, unknown);
  }
  const byteFallback = config.flag('byte_fallback', false);
  const unknownScore = lowest - UNKNOWN_PENALTY;

  /** Ends of the best cut in order, and the piece that ends there. */
  const bestCut = (text: string): { end: number; id: number }[] => {
    const best = new Float64Array(text.length + 1);
    const from = new Int32Array(text.length + 1).fill(-1);
    const piece = new Int32Array(text.length + 1);
    const offer = (start: number, end: number, score: number, id: number): void => {
      const total = score + best[start]!;
      if (from[end] !== -1 && total <= best[end]!) return;
      best[end] = total;
      from[end] = start;
      piece[end] = id;
    };
    for (let start = 0; start < text.length; ) {
      const next = start + ((text.codePointAt(start) ?? 0) > 0xffff ? 2 : 1);
      const furthest = Math.min(start + longest[text.charCodeAt(start)]!, text.length);
      let known = false;
      for (let end = next; end <= furthest; end++) {
        const id = ids.get(text.slice(start, end));
        if (id === undefined) continue;
        offer(start, end, scores[id]!, id);
        known ||= end === next;
      }
      if (!known) {
        if (unknown === undefined) {
          throw malformed(`${config.where}.unk_id`, 'set, for unknown characters', undefined);
        }
        offer(start, next, unknownScore, unknown);
      }
      start = next;
    }
    const cut: { end: number; id: number }[] = [];
    for (let end = text.length; end > 0; end = from[end]!) cut.push({ end, id: piece[end]! });
    return cut.reverse();
  };

  return {
    size: pieces.length,
    tokenId: (token) => ids.get(token),
    token: (id) => pieces[id],
    encode(text, result) {
      let start = 0;
      let unknownFrom = -1;
      const endUnknown = (end: number): void => {
        if (unknownFrom < 0) return;
        const run = text.slice(unknownFrom, end);
        unknownFrom = -1;
        // A run of pieces called like the unknown token may itself be a piece.
        const id = ids.get(run);
        const bytes = id === undefined && byteFallback ? byteTokens(run, ids) : undefined;
        if (bytes === undefined) result.push(id ?? unknown!);
        else for (const byte of bytes) result.push(byte);
      };
      for (const { end, id } of bestCut(text)) {
        if (id === unknown) {
          if (unknownFrom < 0) unknownFrom = start;
        } else {
          endUnknown(start);
          result.push(id);
        }
        start = end;
      }
      endUnknown(start);
    },
  };
}
