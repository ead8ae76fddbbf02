/**
 * GPT-2's alphabet: every byte as one printable character, so that byte sequences are texts.
 * Printable Latin-1 stands for itself, the other 68 bytes are U+0100 and following.
 */
const CHARACTERS: readonly string[] = (() => {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable =
      (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    return String.fromCharCode(printable ? byte : next++);
  });
})();

const BYTES = new Map(CHARACTERS.map((character, byte) => [character, byte]));
const encoder = new TextEncoder();

/** The UTF-8 bytes of `text` in the byte alphabet. */
export function toByteLevel(text: string): string {
  let result = '';
  for (const byte of encoder.encode(text)) result += CHARACTERS[byte];
  return result;
}

/** The bytes that `token` stands for; a token with characters outside the alphabet is UTF-8 itself. */
export function byteLevelBytes(token: string): Iterable<number> {
  const bytes: number[] = [];
  for (const character of token) {
    const byte = BYTES.get(character);
    if (byte === undefined) return encoder.encode(token);
    bytes.push(byte);
  }
  return bytes;
}
