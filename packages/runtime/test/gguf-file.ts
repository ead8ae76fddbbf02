/** A tensor of a GGUF file under test. */
export interface GgufFileTensor {
  /** ggml's number of the type. */
  readonly type: number;
  /** Row-major. */
  readonly shape: readonly number[];
  readonly data: Uint8Array;
  /** Where the table says it is; its own place where absent. */
  readonly offset?: number;
}

/** A value of the metadata: text, or its type and bytes. */
export type GgufValue = string | { readonly type: number; readonly bytes: readonly number[] };

export const u32 = (value: number) => [...new Uint8Array(Uint32Array.of(value).buffer)];
export const u64 = (value: number) => [...new Uint8Array(BigUint64Array.of(BigInt(value)).buffer)];
export const text = (value: string) => {
  const bytes = new TextEncoder().encode(value);
  return [...u64(bytes.length), ...bytes];
};

/** A GGUF file, right unless told otherwise. */
export function ggufFile(
  tensors: Readonly<Record<string, GgufFileTensor>>,
  {
    metadata = {},
    version = 3,
    alignment = 32,
  }: {
    readonly metadata?: Readonly<Record<string, GgufValue>>;
    readonly version?: number;
    readonly alignment?: number;
  } = {},
): Uint8Array {
  const entries = Object.entries(tensors);
  const values = Object.entries(metadata);
  const header = [
    ...u32(0x46554747),
    ...u32(version),
    ...u64(entries.length),
    ...u64(values.length),
  ];
  for (const [key, value] of values) {
    const isText = typeof value === 'string';
    header.push(...text(key), ...u32(isText ? 8 : value.type));
    for (const byte of isText ? text(value) : value.bytes) header.push(byte);
  }
  const data: number[] = [];
  const pad = (bytes: number[]) => {
    while (bytes.length % alignment !== 0) bytes.push(0);
  };
  for (const [name, { type, shape, data: content, offset }] of entries) {
    pad(data);
    header.push(...text(name), ...u32(shape.length), ...shape.toReversed().flatMap(u64));
    header.push(...u32(type), ...u64(offset ?? data.length));
    data.push(...content);
  }
  pad(header);
  return Uint8Array.from([...header, ...data]);
}
