import { setImmediate as nextTurn } from 'node:timers/promises';
import type { StoredDType } from './stored-dtype.js';
import type { StoredTensor, Weights } from './weights.js';

const chunkBytes = 1 << 22;

/**
 * Names of the tensors that hold a NaN or an infinity, sorted. Reads all of them: ask once a result
 * is not finite, to say which weights are at fault.
 *
 * @param names the tensors to look at
 * @defaultValue all
 */
export async function findNonFinite(
  weights: Weights,
  names: Iterable<string> = weights.tensors.keys(),
): Promise<string[]> {
  const found: string[] = [];
  for (const name of names) {
    const tensor = weights.tensors.get(name);
    if (tensor && (await isNonFinite(tensor))) found.push(name);
  }
  return found.sort();
}

// The exponent bits of each element's highest word; all ones is a NaN or an infinity.
const exponents: Readonly<
  Partial<
    Record<
      StoredDType,
      { words: typeof Uint16Array | typeof Uint32Array; step: number; mask: number }
    >
  >
> = {
  F32: { words: Uint32Array, step: 1, mask: 0x7f800000 },
  F64: { words: Uint32Array, step: 2, mask: 0x7ff00000 },
  F16: { words: Uint16Array, step: 1, mask: 0x7c00 },
  BF16: { words: Uint16Array, step: 1, mask: 0x7f80 },
};

async function isNonFinite({ dtype, store, offset, bytes }: StoredTensor): Promise<boolean> {
  const exponent = exponents[dtype];
  if (!exponent) return false;
  const { words: Words, step, mask } = exponent;
  for (let at = 0; at < bytes; at += chunkBytes) {
    const chunk = await store.read(offset + at, Math.min(chunkBytes, bytes - at));
    const words = new Words(chunk.buffer, chunk.byteOffset, chunk.length / Words.BYTES_PER_ELEMENT);
    for (let i = step - 1; i < words.length; i += step) {
      if ((words[i] & mask) === mask) return true;
    }
    await nextTurn();
  }
  return false;
}
