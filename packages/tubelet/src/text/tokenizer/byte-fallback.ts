const encoder = new TextEncoder();

/** The ids of the tokens `<0x00>` to `<0xFF>` for the UTF-8 bytes of `text`, or undefined when one is missing. */
export function byteTokens(text: string, ids: ReadonlyMap<string, number>): number[] | undefined {
  const result: number[] = [];
  for (const byte of encoder.encode(text)) {
    const id = ids.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
    if (id === undefined) return undefined;
    result.push(id);
  }
  return result;
}
