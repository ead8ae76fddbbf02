/** A tensor of a file under test: data is as it will lie in the file. */
export interface FileTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** Bytes of values, little-endian as they are. */
export function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** A file from a header as text and its data, right or wrong. */
export function rawFile(header: string, data = new Uint8Array()): Uint8Array {
  const text = new TextEncoder().encode(header);
  const length = new Uint8Array(BigUint64Array.of(BigInt(text.length)).buffer);
  return Uint8Array.from([...length, ...text, ...data]);
}

/** A right safetensors file. */
export function safetensorsFile(
  tensors: Readonly<Record<string, FileTensor>>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array {
  const header: Record<string, unknown> = metadata ? { __metadata__: metadata } : {};
  const data: number[] = [];
  for (const [name, { dtype, shape, data: bytes }] of Object.entries(tensors)) {
    const start = data.length;
    data.push(...bytes);
    header[name] = { dtype, shape, data_offsets: [start, data.length] };
  }
  return rawFile(JSON.stringify(header), Uint8Array.from(data));
}
