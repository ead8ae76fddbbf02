import type { DType } from '@tubelet/native';

/** Bits of one element of every data type a safetensors file may hold. */
export const storedBits = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  F64: 64,
  I64: 64,
  U64: 64,
  C64: 64,
} as const;

/** A data type by the name files have for it. */
export type StoredDType = keyof typeof storedBits;

/** Whether a file may name this data type. */
export function isStoredDType(name: string): name is StoredDType {
  return Object.hasOwn(storedBits, name);
}

/** Data types a weight may be stored in, and the addon's names of them. */
export const weightDTypes: Readonly<Partial<Record<StoredDType, DType>>> = {
  F32: 'f32',
  F16: 'f16',
  BF16: 'bf16',
};

/**
 * Stored values as float32: F64 is rounded, and integers beyond 2^24. Undefined for a type that has
 * no such values here.
 */
export function toFloat32(dtype: StoredDType, bytes: Uint8Array): Float32Array | undefined {
  if (dtype === 'F32') return new Float32Array(Uint8Array.from(bytes).buffer);
  const read = readers[dtype];
  if (!read) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = storedBits[dtype] / 8;
  const values = new Float32Array(bytes.byteLength / size);
  for (let i = 0; i < values.length; i++) values[i] = read(view, i * size);
  return values;
}

const readers: Readonly<Partial<Record<StoredDType, (view: DataView, at: number) => number>>> = {
  F64: (view, at) => view.getFloat64(at, true),
  F16: (view, at) => halfToNumber(view.getUint16(at, true)),
  BF16: (view, at) => bfloatToNumber(view.getUint16(at, true)),
  I64: (view, at) => Number(view.getBigInt64(at, true)),
  U64: (view, at) => Number(view.getBigUint64(at, true)),
  I32: (view, at) => view.getInt32(at, true),
  U32: (view, at) => view.getUint32(at, true),
  I16: (view, at) => view.getInt16(at, true),
  U16: (view, at) => view.getUint16(at, true),
  I8: (view, at) => view.getInt8(at),
  U8: (view, at) => view.getUint8(at),
  BOOL: (view, at) => view.getUint8(at),
};

/** A float16's value. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const scratch = new DataView(new ArrayBuffer(4));

function bfloatToNumber(bits: number): number {
  scratch.setUint32(0, bits << 16);
  return scratch.getFloat32(0);
}
