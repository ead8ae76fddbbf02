/** A field of a protocol buffers message; a number is a whole one. */
export type Field = readonly [
  number: number,
  value: number | string | Uint8Array | { readonly float: number },
];

/** Encodes a message (protobuf.dev/programming-guides/encoding); a message in a message is its bytes. */
export function message(...fields: readonly Field[]): Uint8Array {
  return joined(fields.flatMap(([number, value]) => encoded(number, value)));
}

function encoded(number: number, value: Field[1]): Uint8Array[] {
  if (typeof value === 'number') return [varint(number * 8), varint(value)];
  if (typeof value === 'string') return encoded(number, new TextEncoder().encode(value));
  if (value instanceof Uint8Array) return [varint(number * 8 + 2), varint(value.length), value];
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value.float, true);
  return [varint(number * 8 + 5), bytes];
}

/** Seven bits a byte, lowest first; a negative number is its two's complement in 64 bits. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Uint8Array.from([...bytes, Number(rest)]);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
