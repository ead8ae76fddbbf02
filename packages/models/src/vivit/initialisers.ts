import { type Refuse, refusalBy } from '../bad-input.js';

const fail: Refuse = refusalBy('vivit');

/**
 * How a kernel over patches becomes one over tubelets (google-research/scenic@4a38d47, model_utils.py, init_embedding):
 * `central` looks at frame t // 2 alone; `average` at all alike (filter inflation, Carreira and Zisserman 2017);
 * `average-rank-pooling` weights frames by approximate rank pooling (Bilen et al. 2016, equation 3).
 */
export type KernelInflation = 'central' | 'average' | 'average-rank-pooling';

/**
 * A kernel over `frames` frames from a kernel over one.
 *
 * @param kernel of patches, such as [h, w, in, out]
 * @param outer elements of the axes before the new one: 1 for scenic's [t, h, w, in, out], out·in for [out, in, t, h, w]
 */
export function inflateKernel(
  kernel: ArrayLike<number>,
  frames: number,
  by: KernelInflation,
  outer = 1,
): Float64Array {
  if (!Number.isInteger(frames) || frames < 1) fail('frames', '1 or more', frames);
  if (kernel.length % outer !== 0) fail('kernel', `a multiple of outer ${outer}`, kernel.length);
  const inner = kernel.length / outer;
  const weights = frameWeights(frames, by);
  const out = new Float64Array(kernel.length * frames);
  for (let i = 0; i < kernel.length; i++) {
    const start = Math.floor(i / inner) * frames * inner + (i % inner);
    for (let t = 0; t < frames; t++) out[start + t * inner] = weights[t] * kernel[i];
  }
  return out;
}

function frameWeights(frames: number, by: KernelInflation): number[] {
  const each = (of: (t: number) => number) => Array.from({ length: frames }, (_, t) => of(t));
  if (by === 'central') return each((t) => (t === Math.floor(frames / 2) ? 1 : 0));
  if (by === 'average') return each(() => 1 / frames);
  const harmonic = [0];
  for (let i = 1; i <= frames; i++) harmonic.push(harmonic[i - 1] + 1 / i);
  return each((t) => (2 * (frames - t) - (frames + 1) * (harmonic[frames] - harmonic[t])) / frames);
}

/**
 * A position table of frames made of one of a frame, by repetition.
 *
 * @param table [tokens, dim], without a class token
 * @returns [count, dim], as far as whole repetitions go
 */
export function tilePositions(table: ArrayLike<number>, dim: number, count: number): Float64Array {
  const repeats = Math.floor(count / (table.length / dim));
  const out = new Float64Array(repeats * table.length);
  for (let i = 0; i < repeats; i++) out.set(Array.from(table), i * table.length);
  return out;
}

/**
 * A position table of a square grid for another, linearly interpolated with corners aligned, as scenic does (scipy's zoom of order
 * 1; PyTorch's interpolation, which {@link vitPositions} has, aligns edges).
 *
 * @param table [side², dim], without a class token
 * @returns [count, dim], a square too
 */
export function resizePositions(
  table: ArrayLike<number>,
  dim: number,
  count: number,
): Float64Array {
  const [from, to] = [table.length / dim, count].map((tokens) => Math.floor(Math.sqrt(tokens)));
  const rows = interpolated(table, from, from * dim, to);
  const out = new Float64Array(to * to * dim);
  for (let row = 0; row < to; row++) {
    const line = rows.subarray(row * from * dim, (row + 1) * from * dim);
    out.set(interpolated(line, from, dim, to), row * to * dim);
  }
  return out;
}

/**
 * A position table in time for another number of frames, linearly interpolated with its ends aligned.
 *
 * @param table [frames, dim], without a class token
 * @returns [count, dim]
 */
export function resizeTimePositions(
  table: ArrayLike<number>,
  dim: number,
  count: number,
): Float64Array {
  return interpolated(table, table.length / dim, dim, count);
}

/** [from, width] to [to, width] */
function interpolated(table: ArrayLike<number>, from: number, width: number, to: number) {
  const step = to > 1 ? (from - 1) / (to - 1) : 1;
  const out = new Float64Array(to * width);
  for (let i = 0; i < to; i++) {
    const at = i * step;
    const low = Math.min(Math.floor(at), from - 1);
    const high = Math.min(low + 1, from - 1);
    const share = at - low;
    for (let k = 0; k < width; k++) {
      const [a, b] = [table[low * width + k], table[high * width + k]];
      out[i * width + k] = a + share * (b - a);
    }
  }
  return out;
}
