import { malformed } from './fields.js';

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });
const encoder = new TextEncoder();

/**
 * Every character that can share a grapheme of under six bytes with a neighbour (so not Hangul jamo,
 * of three bytes each). Segmenting is slow: only text around these characters needs it.
 */
const JOINING =
  '\\r\\n\\p{M}\\p{Cf}\\p{Emoji_Modifier}\\u0d4e\\u0e33\\u0eb3\\uff9e\\uff9f\\u{11000}-\\u{11fff}';
const JOINED_OR_SINGLE = new RegExp(`((?:[^${JOINING}]?[${JOINING}]+)+[^${JOINING}]?)|[^]`, 'gu');

/** The graphemes of `text`, found in pieces: Intl.Segmenter takes quadratic time over a long text. */
function* graphemesOf(text: string): Generator<string> {
  let start = 0;
  for (let length = 128; start < text.length; ) {
    let end = Math.min(start + length, text.length);
    if (/[\ud800-\udbff]/.test(text[end - 1]!)) end++;
    const segments = Array.from(graphemes.segment(text.slice(start, end)), (s) => s.segment);
    // The last one may go on behind the piece.
    if (end < text.length) segments.pop();
    if (segments.length === 0) length *= 2;
    for (const segment of segments) {
      yield segment;
      start += segment.length;
    }
  }
}

/**
 * SentencePiece's compiled character map: a double-array trie of UTF-8 prefixes whose values are
 * offsets into a pool of zero-terminated replacements.
 *
 * Layout (little-endian): u32 size of the trie in bytes, the trie's u32 units, the pool.
 * Source: google/sentencepiece normalizer.cc and darts-clone, with the rule of Hugging Face's
 * tokenizers on top: a grapheme below six bytes is looked up as a whole first, then each character,
 * and of several keys that begin the text the shortest wins.
 *
 * @param base64 the field `precompiled_charsmap` of tokenizer.json
 * @throws TubeletError when the bytes are not such a map
 */
export function precompiledCharsmap(base64: string, where: string): (text: string) => string {
  const bytes = Buffer.from(base64, 'base64');
  const trieBytes = bytes.length >= 4 ? bytes.readUInt32LE(0) : -1;
  if (trieBytes < 4 || trieBytes % 4 !== 0 || 4 + trieBytes > bytes.length) {
    throw malformed(where, 'a character map (size, trie, pool)', `${bytes.length} bytes`);
  }
  const units = Uint32Array.from({ length: trieBytes / 4 }, (_, i) =>
    bytes.readUInt32LE(4 + 4 * i),
  );
  const pool = bytes.subarray(4 + trieBytes);

  const replacement = (text: string): string | undefined => {
    let node = offsetOf(units[0]!);
    for (const byte of encoder.encode(text)) {
      if (byte === 0) return undefined;
      node ^= byte;
      const unit = units[node];
      if (unit === undefined || labelOf(unit) !== byte) return undefined;
      node ^= offsetOf(unit);
      if (hasLeaf(unit)) {
        const start = (units[node] ?? 0) & 0x7fffffff;
        const end = pool.indexOf(0, start);
        return pool.toString('utf8', start, end < 0 ? pool.length : end);
      }
    }
    return undefined;
  };

  const replacements = new Map<string, string>();
  const ofCharacter = (character: string): string => {
    let result = replacements.get(character);
    if (result === undefined) {
      result = replacement(character) ?? character;
      replacements.set(character, result);
    }
    return result;
  };
  const ofGrapheme = (grapheme: string): string =>
    (Buffer.byteLength(grapheme) < 6 ? replacement(grapheme) : undefined) ??
    Array.from(grapheme, ofCharacter).join('');

  return (text) =>
    text.replace(JOINED_OR_SINGLE, (part, joined?: string) => {
      if (joined === undefined) return ofCharacter(part);
      return Array.from(graphemesOf(joined), ofGrapheme).join('');
    });
}

// A unit is label (bits 0 to 7), "a value hangs below" (8), offset scale (9), offset (10 and up);
// a value has bit 31 set, which no label has.
const labelOf = (unit: number): number => (unit & 0x800000ff) >>> 0;
const hasLeaf = (unit: number): boolean => (unit & 0x100) !== 0;
const offsetOf = (unit: number): number => (unit >>> 10) << ((unit & 0x200) >>> 6);
