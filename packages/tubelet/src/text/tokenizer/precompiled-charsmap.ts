import { malformed } from './fields.js';

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });
const encoder = new TextEncoder();

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

  const replacements = new Map<string, string | undefined>();
  const cached = (text: string): string | undefined => {
    if (!replacements.has(text)) replacements.set(text, replacement(text));
    return replacements.get(text);
  };

  return (text) => {
    let result = '';
    for (const { segment } of graphemes.segment(text)) {
      const whole = Buffer.byteLength(segment) < 6 ? cached(segment) : undefined;
      if (whole !== undefined) result += whole;
      else for (const character of segment) result += cached(character) ?? character;
    }
    return result;
  };
}

// A unit is label (bits 0 to 7), "a value hangs below" (8), offset scale (9), offset (10 and up);
// a value has bit 31 set, which no label has.
const labelOf = (unit: number): number => (unit & 0x800000ff) >>> 0;
const hasLeaf = (unit: number): boolean => (unit & 0x100) !== 0;
const offsetOf = (unit: number): number => (unit >>> 10) << ((unit & 0x200) >>> 6);
