import { halfToNumber, type StoredDType } from './stored-dtype.js';

/** A ggml tensor type: values as they stand, or blocks that stand for float32 values. */
export interface GgufType {
  readonly name: string;
  readonly blockElements: number;
  readonly blockBytes: number;
  /** Of the values as they stand. */
  readonly dtype?: StoredDType;
  /** Whole blocks as float32, as ggml computes them. */
  readonly decode?: (blocks: Uint8Array) => Float32Array;
}

const { fround } = Math;

/** Makes a format of what one block holds. */
function blocks(
  name: string,
  blockElements: number,
  blockBytes: number,
  decodeBlock: (block: Block) => void,
): GgufType {
  const decode = (bytes: Uint8Array) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const half = (at: number) => halfToNumber(view.getUint16(at, true));
    const count = bytes.length / blockBytes;
    const values = new Float32Array(count * blockElements);
    for (let i = 0; i < count; i++)
      decodeBlock({ bytes, half, from: i * blockBytes, values, to: i * blockElements });
    return values;
  };
  return { name, blockElements, blockBytes, decode };
}

interface Block {
  readonly bytes: Uint8Array;
  half(at: number): number;
  /** First byte of the block. */
  readonly from: number;
  readonly values: Float32Array;
  /** Place of its first value. */
  readonly to: number;
}

const signed = (byte: number) => (byte << 24) >> 24;

/** 32 values: a half, 16 bytes of two 4-bit values less 8. */
const q4 = blocks('Q4_0', 32, 18, ({ bytes, half, from, values, to }) => {
  const d = half(from);
  for (let i = 0; i < 16; i++) {
    const byte = bytes[from + 2 + i];
    values[to + i] = d * ((byte & 15) - 8);
    values[to + 16 + i] = d * ((byte >> 4) - 8);
  }
});

/** 32 values: a half, 32 signed bytes. */
const q8 = blocks('Q8_0', 32, 34, ({ bytes, half, from, values, to }) => {
  const d = half(from);
  for (let i = 0; i < 32; i++) values[to + i] = d * signed(bytes[from + 2 + i]);
});

/** The 6-bit scale and minimum of the j-th of eight parts, packed in 12 bytes. */
function scaleAndMinimum(bytes: Uint8Array, at: number, j: number): [number, number] {
  const byte = (i: number) => bytes[at + i];
  if (j < 4) return [byte(j) & 63, byte(j + 4) & 63];
  const scale = (byte(j + 4) & 15) | ((byte(j - 4) >> 6) << 4);
  return [scale, (byte(j + 4) >> 4) | ((byte(j) >> 6) << 4)];
}

/** 256 values in eight parts of 32 with a scale and a minimum each; `quantum` is their unscaled value. */
function decodeParts(
  { bytes, half, from, values, to }: Block,
  quantum: (part: number, i: number) => number,
): void {
  const [d, least] = [half(from), half(from + 2)];
  for (let part = 0; part < 8; part++) {
    const [scale, minimum] = scaleAndMinimum(bytes, from + 4, part);
    const factor = fround(d * scale);
    const offset = fround(least * minimum);
    for (let i = 0; i < 32; i++)
      values[to + 32 * part + i] = fround(factor * quantum(part, i)) - offset;
  }
}

/** The i-th 4-bit value of a part: parts stand in pairs, low and high halves of 32 bytes. */
const nibble = (bytes: Uint8Array, at: number, part: number, i: number) =>
  (bytes[at + 32 * (part >> 1) + i] >> (4 * (part & 1))) & 15;

const q4k = blocks('Q4_K', 256, 144, (block) => {
  const { bytes, from } = block;
  decodeParts(block, (part, i) => nibble(bytes, from + 16, part, i));
});

/** As Q4_K with a fifth bit of each value in 32 bytes before the others. */
const q5k = blocks('Q5_K', 256, 176, (block) => {
  const { bytes, from } = block;
  decodeParts(block, (part, i) => {
    const fifth = (bytes[from + 16 + i] >> part) & 1;
    return nibble(bytes, from + 48, part, i) + 16 * fifth;
  });
});

/** 256 values less 32: 4 low bits, 2 high bits, a signed scale for each 16, a half. */
const q6k = blocks('Q6_K', 256, 210, ({ bytes, half, from, values, to }) => {
  const d = half(from + 208);
  for (let i = 0; i < 256; i++) {
    const [side, part, place] = [i >> 7, (i >> 5) & 3, i & 31];
    const low = bytes[from + 64 * side + 32 * (part & 1) + place] >> (4 * (part >> 1));
    const high = bytes[from + 128 + 32 * side + place] >> (2 * part);
    const scale = signed(bytes[from + 192 + (i >> 4)]);
    values[to + i] = fround(d * scale) * (((low & 15) | ((high & 3) << 4)) - 32);
  }
});

const plain = (name: StoredDType, bytes: number): GgufType => ({
  name,
  blockElements: 1,
  blockBytes: bytes,
  dtype: name,
});

/** By ggml's numbers. */
const types = new Map<number, GgufType>([
  [0, plain('F32', 4)],
  [1, plain('F16', 2)],
  [2, q4],
  [8, q8],
  [12, q4k],
  [13, q5k],
  [14, q6k],
  [24, plain('I8', 1)],
  [25, plain('I16', 2)],
  [26, plain('I32', 4)],
  [27, plain('I64', 8)],
  [28, plain('F64', 8)],
  [30, plain('BF16', 2)],
]);

/** @returns undefined for a type that is not read */
export function ggufTypeOf(number: number): GgufType | undefined {
  return types.get(number);
}
