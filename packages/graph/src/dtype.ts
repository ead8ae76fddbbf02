/** Data types in wire order: a type's number on the wire is its place here. */
export const dtypes = ['f32', 'f16', 'bf16', 'i32', 'u8', 'i8'] as const;

/** A data type by name. */
export type DType = (typeof dtypes)[number];

/** Bytes of one element. */
export const dtypeBytes: Readonly<Record<DType, number>> = {
  f32: 4,
  f16: 2,
  bf16: 2,
  i32: 4,
  u8: 1,
  i8: 1,
};
