import type { OriginalNames } from '@tubelet/models';
import { openWeights, readValues } from '@tubelet/runtime';

export interface Values {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}
export type Tensors = Readonly<Record<string, Values>>;

/** All tensors of a folder or file. */
export async function tensorsOf(path: string): Promise<Tensors> {
  const weights = await openWeights(path);
  const all: Record<string, Values> = {};
  for (const { name, shape } of weights.tensors.values())
    all[name] = { shape, data: await readValues(weights, name) };
  return all;
}

/** Tensors as the authors of a model name and fuse them; what ours have no use for is 0. */
export function inOriginalNames(ours: Tensors, names: OriginalNames): Tensors {
  const fused = [...names].map(([name, parts]) => {
    const { shape, data } = parts.map((part) => ours[part.name]).find((known) => known) ?? {
      shape: [1],
      data: new Float32Array(1),
    };
    const width = data.length / shape[0]!;
    const pieces = parts.map(({ name, rows, at = 0 }) => {
      const part = ours[name]?.data ?? new Float32Array(rows * width);
      return [...part.subarray(at * width, (at + rows) * width)];
    });
    const rows = parts.reduce((sum, part) => sum + part.rows, 0);
    const values = { shape: [rows, ...shape.slice(1)], data: Float32Array.from(pieces.flat()) };
    return [name, values] as const;
  });
  return Object.fromEntries(fused);
}

const u64 = (value: number) => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
const u32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer);
const bytesOf = (data: ArrayBufferView) =>
  Buffer.from(data.buffer, data.byteOffset, data.byteLength);

export function safetensors(tensors: Tensors, metadata?: Readonly<Record<string, string>>): Buffer {
  let end = 0;
  const entries = Object.entries(tensors).map(([name, { shape, data }]) => {
    const start = end;
    end += data.byteLength;
    return [name, { dtype: 'F32', shape, data_offsets: [start, end] }] as const;
  });
  const header = { ...(metadata && { __metadata__: metadata }), ...Object.fromEntries(entries) };
  const text = Buffer.from(JSON.stringify(header));
  return Buffer.concat([
    u64(text.length),
    text,
    ...Object.values(tensors).map(({ data }) => bytesOf(data)),
  ]);
}

/** Matrices of whole blocks in Q8_0 where asked, all else in F32. */
export function gguf(tensors: Tensors, isQuantised: boolean): Buffer {
  const text = (value: string) =>
    Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);
  const table: Buffer[] = [];
  const parts: Buffer[] = [];
  let end = 0;
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    const hasBlocks = isQuantised && shape.length === 2 && shape[1]! % 32 === 0;
    const content = hasBlocks ? q8(data) : bytesOf(data);
    const sizes = shape.toReversed().map(u64);
    table.push(text(name), u32(shape.length), ...sizes, u32(hasBlocks ? 8 : 0), u64(end));
    const padding = -content.length & 31;
    parts.push(content, Buffer.alloc(padding));
    end += content.length + padding;
  }
  const head = Buffer.concat([
    Buffer.from('GGUF'),
    u32(3),
    u64(Object.keys(tensors).length),
    u64(0),
    ...table,
  ]);
  return Buffer.concat([head, Buffer.alloc(-head.length & 31), ...parts]);
}

/** Scales are powers of two, which a half holds. */
function q8(data: Float32Array): Buffer {
  const blocks = Buffer.alloc((data.length / 32) * 34);
  for (let at = 0, block = 0; at < data.length; at += 32, block += 34) {
    let largest = 0;
    for (let i = at; i < at + 32; i++) largest = Math.max(largest, Math.abs(data[i]!));
    const exponent = Math.max(-14, Math.ceil(Math.log2(largest / 127)));
    blocks.writeUInt16LE((exponent + 15) << 10, block);
    for (let i = 0; i < 32; i++)
      blocks.writeInt8(Math.round(data[at + i]! / 2 ** exponent), block + 2 + i);
  }
  return blocks;
}
