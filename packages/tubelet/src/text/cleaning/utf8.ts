/**
 * UTF-8 over byte strings: one character U+0000 to U+00FF per byte, so that patterns of bytes can
 * be written as regular expressions.
 */

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Six bytes for a character above U+FFFF: its two surrogates, each written as three bytes. */
const CESU_8 = /\xed([\xa0-\xaf])([\x80-\xbf])\xed([\xb0-\xbf])([\x80-\xbf])/g;

/**
 * Decodes strict UTF-8, and the two variants that other software writes: CESU-8 for characters
 * above U+FFFF and Java's C0 80 for U+0000.
 * @returns undefined when `bytes` is neither.
 */
export function decodeUtf8(bytes: string): string | undefined {
  const standard = bytes
    .replaceAll('\xc0\x80', '\0')
    .replace(CESU_8, (_, a: string, b: string, c: string, d: string) => {
      const [high, middle, low, last] = [a, b, c, d].map((byte) => byte.charCodeAt(0)) as [
        number,
        number,
        number,
        number,
      ];
      const point =
        0x10000 +
        ((high & 0x0f) << 16) +
        ((middle & 0x3f) << 10) +
        ((low & 0x0f) << 6) +
        (last & 0x3f);
      return Buffer.from(String.fromCodePoint(point)).toString('latin1');
    });
  try {
    return decoder.decode(Buffer.from(standard, 'latin1'));
  } catch {
    return undefined;
  }
}
