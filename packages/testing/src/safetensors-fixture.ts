import { readFile } from 'node:fs/promises';

/** A tensor of a golden file: its values as doubles, row-major. */
export interface FixtureTensor {
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

const readers: Readonly<Record<string, readonly [bytes: number, (at: DataView) => number]>> = {
  F32: [4, (at) => at.getFloat32(0, true)],
  F64: [8, (at) => at.getFloat64(0, true)],
  F16: [2, halfAt],
  U8: [1, (at) => at.getUint8(0)],
  I64: [8, (at) => Number(at.getBigInt64(0, true))],
};

/** A float16 by its bits; denormals too. */
function halfAt(at: DataView): number {
  const bits = at.getUint16(0, true);
  const [exponent, fraction] = [(bits >> 10) & 31, (bits & 1023) / 1024];
  const size = exponent === 0 ? fraction * 2 ** -14 : (1 + fraction) * 2 ** (exponent - 15);
  return bits & 0x8000 ? -size : size;
}

/** Reads a safetensors file of ours whole, trusting it: for tests only. */
export async function readSafetensorsFixture(path: string): Promise<Map<string, FixtureTensor>> {
  const file = await readFile(path);
  const headerBytes = Number(file.readBigUInt64LE(0));
  const header: Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }> =
    JSON.parse(file.toString('utf8', 8, 8 + headerBytes));
  const tensors = new Map<string, FixtureTensor>();
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const reader = readers[dtype];
    if (!reader)
      throw new Error(`${path}: dtype of ${name} must be = F32, F64, F16, U8, I64, got ${dtype}`);
    const [bytes, read] = reader;
    const start = file.byteOffset + 8 + headerBytes + data_offsets[0];
    const values = Float64Array.from(
      { length: (data_offsets[1] - data_offsets[0]) / bytes },
      (_, i) => read(new DataView(file.buffer, start + i * bytes, bytes)),
    );
    tensors.set(name, { shape, values });
  }
  return tensors;
}
