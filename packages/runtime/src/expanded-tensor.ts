import { setImmediate as nextTurn } from 'node:timers/promises';
import { perDeviceInTurn } from './per-device.js';
import { halfToNumber, type StoredDType, storedBits } from './stored-dtype.js';
import type { StoredTensor, WeightStore } from './weights.js';

/** Stored values that kernels cannot read, as values that they can. */
export interface Expansion {
  readonly dtype: 'F32' | 'BF16';
  readonly blockElements: number;
  readonly blockBytes: number;
  /** Whole blocks as values of `dtype`, little-endian. */
  expand(blocks: Uint8Array): Uint8Array<ArrayBuffer>;
}

/** Values expanded at once. */
const chunkElements = 1 << 20;

/**
 * A tensor whose store holds its expanded values. They are made chunk by chunk when a device asks for them, and stay there beside
 * the packed weights for as long as the store is in use: 2 bytes a value of float8, 4 of a quantised one.
 *
 * @param tensor as the file has it
 */
export function expandedTensor(
  tensor: Pick<StoredTensor, 'name' | 'shape' | 'elements' | 'store' | 'offset' | 'bytes'>,
  expansion: Expansion,
): StoredTensor {
  const { name, shape, elements, store: source, offset } = tensor;
  const { dtype, blockElements, blockBytes, expand } = expansion;
  const size = storedBits[dtype] / 8;
  const bytes = elements * size;
  const expandBlocks = async (first: number, count: number) =>
    expand(await source.read(offset + first * blockBytes, count * blockBytes));
  const store = computedStore(source.name, bytes, async (from, count) => {
    const target = new Uint8Array(count);
    const last = Math.ceil((from + count) / size / blockElements);
    const step = Math.max(1, Math.floor(chunkElements / blockElements));
    for (let block = Math.floor(from / size / blockElements); block < last; block += step) {
      const values = await expandBlocks(block, Math.min(step, last - block));
      const at = block * blockElements * size - from;
      const begin = Math.max(0, -at);
      target.set(values.subarray(begin, Math.min(values.length, count - at)), at + begin);
    }
    return target;
  });
  return { name, dtype, shape, elements, store, offset: 0, bytes };
}

/** A store of bytes that are computed piece by piece, on each device that asks for them. */
export function computedStore(name: string, bytes: number, read: WeightStore['read']): WeightStore {
  return {
    name,
    bytes,
    read,
    bufferOn: perDeviceInTurn(async (device) => {
      const buffer = device.allocate(bytes);
      const step = 4 * chunkElements;
      try {
        for (let at = 0; at < bytes; at += step) {
          await buffer.write(await read(at, Math.min(step, bytes - at)), at);
          await nextTurn();
        }
      } catch (error) {
        buffer.dispose();
        throw error;
      }
      return buffer;
    }),
  };
}

/** Float8 (Micikevicius et al. 2022, OCP 8-bit floating point) as bfloat16, which holds every value of it. */
export const float8Expansions: Readonly<Partial<Record<StoredDType, Expansion>>> = {
  F8_E4M3: float8(e4m3ToNumber),
  F8_E5M2: float8((byte) => halfToNumber(byte << 8)),
};

function float8(toNumber: (byte: number) => number): Expansion {
  const bits = new Uint32Array(
    Float32Array.from({ length: 256 }, (_, byte) => toNumber(byte)).buffer,
  );
  const table = Uint16Array.from(bits, (word) => word >>> 16);
  return {
    dtype: 'BF16',
    blockElements: 1,
    blockBytes: 1,
    expand(bytes) {
      const values = new Uint16Array(bytes.length);
      for (let i = 0; i < bytes.length; i++) values[i] = table[bytes[i]];
      return new Uint8Array(values.buffer);
    },
  };
}

/** No infinities; all ones is NaN. */
function e4m3ToNumber(byte: number): number {
  const sign = byte & 0x80 ? -1 : 1;
  const exponent = (byte >> 3) & 15;
  const fraction = byte & 7;
  if ((byte & 0x7f) === 0x7f) return Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -9;
  return sign * (1 + fraction / 8) * 2 ** (exponent - 7);
}
