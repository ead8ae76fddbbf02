import { computedStore } from './expanded-tensor.js';
import { type StoredDType, storedBits, toFloat32 } from './stored-dtype.js';
import { readTensor, type StoredTensor } from './weights.js';

/** A layer's scale, by the names of ComfyUI's files and of those of compressed-tensors and ModelOpt. */
const scaleNames = ['scale_weight', 'weight_scale'];

/** What such files hold beside: scales of what a layer is given, and the mark of the whole file. */
const unneeded = /(^|\.)(scale_input|input_scale|scaled_fp8)$/;

/**
 * Weights in float8 with the numbers they are to be multiplied by, one of the whole tensor or one of each row: as float32. Scales of
 * another size stay as they are, names that nobody knows.
 *
 * @param tensors as the file has them
 * @param expanded the same as values
 */
export function withScales(
  tensors: ReadonlyMap<string, { readonly dtype: StoredDType }>,
  expanded: ReadonlyMap<string, StoredTensor>,
): Map<string, StoredTensor> {
  const result = new Map(expanded);
  for (const [name, tensor] of expanded) {
    const layer = /^(.*\.|)weight$/.exec(name)?.[1];
    if (layer === undefined || !isFloat8(tensors.get(name)!.dtype)) continue;
    for (const kind of scaleNames) {
      const scale = expanded.get(layer + kind);
      if (!scale || (scale.elements !== 1 && scale.elements !== tensor.shape[0])) continue;
      result.set(name, scaledTensor(tensor, scale));
      result.delete(scale.name);
    }
  }
  if (result.size === expanded.size) return result;
  for (const name of expanded.keys()) if (unneeded.test(name)) result.delete(name);
  return result;
}

function isFloat8(dtype: StoredDType): boolean {
  return dtype === 'F8_E4M3' || dtype === 'F8_E5M2';
}

function scaledTensor(tensor: StoredTensor, scale: StoredTensor): StoredTensor {
  const { name, shape, elements, dtype, store, offset } = tensor;
  const size = storedBits[dtype] / 8;
  const each = elements / scale.elements;
  let known: Promise<Float32Array> | undefined;
  const read = async (from: number, count: number) => {
    known ??= readTensor(scale);
    const scales = await known;
    const first = Math.floor(from / 4);
    const last = Math.ceil((from + count) / 4);
    const bytes = await store.read(offset + first * size, (last - first) * size);
    const values = toFloat32(dtype, bytes)!;
    for (let i = 0; i < values.length; i++) values[i] *= scales[Math.floor((first + i) / each)];
    return new Uint8Array(values.buffer).slice(from - 4 * first, from - 4 * first + count);
  };
  const bytes = 4 * elements;
  return {
    name,
    dtype: 'F32',
    shape,
    elements,
    store: computedStore(store.name, bytes, read),
    offset: 0,
    bytes,
  };
}
