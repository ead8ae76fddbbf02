import { concat, type Graph, slice, spaceToDepth, type Tensor } from '@tubelet/graph';
import type { Weights } from '../weights.js';

/**
 * A clip goes through the autoencoder in chunks: `first` is the first frame alone, with nothing before it; `steady`
 * is every further chunk (4 frames when encoding, 1 latent frame when decoding).
 */
export type Chunk = 'first' | 'steady';

/**
 * The feature cache of AutoencoderKLWan: causal convolutions keep their last input frames for the next chunk. Entries
 * `cacheNN` are numbered as the original's, in the order the convolutions run: inputs of the steady graph, and outputs
 * `cacheNN.next` of both. An entry that no chunk has written yet is all zeros, so what the first chunk does
 * not write (the original's mark 'Rep') needs no graph of its own.
 */
export interface FeatureCache {
  readonly chunk: Chunk;
  /** Two cached frames for a causal convolution over x [F, H, W, C], undefined in the first chunk; keeps the last two of x. */
  causal(x: Tensor): Tensor | undefined;
  /** As `causal`, for upsampling in time, which the first chunk skips. */
  upsampling(x: Tensor): Tensor | undefined;
  /** The cached frame for downsampling in time, undefined in the first chunk; keeps the last of x. */
  downsampling(x: Tensor): Tensor | undefined;
}

export function featureCache({ g }: Weights, chunk: Chunk): FeatureCache {
  let count = 0;
  const entry = (
    x: Tensor,
    frames: number,
    keep: (cached: Tensor | undefined) => Tensor | undefined,
  ) => {
    const name = `cache${String(count++).padStart(2, '0')}`;
    const cached = chunk === 'steady' ? g.input(name, [frames, ...x.shape.slice(1)]) : undefined;
    const kept = keep(cached);
    if (kept) g.output(`${name}.next`, kept);
    return cached;
  };
  const lastTwo = (x: Tensor, cached: Tensor | undefined): Tensor => {
    const frames = Number(x.shape[0]);
    if (frames >= 2) return lastOf(x, 2);
    return cached ? concat(slice(cached, { axis: 0, start: 1, end: 2 }), x) : afterZeros(x);
  };
  return {
    chunk,
    causal: (x) => entry(x, 2, (cached) => lastTwo(x, cached)),
    upsampling: (x) => entry(x, 2, (cached) => (cached ? lastTwo(x, cached) : undefined)),
    downsampling(x) {
      return entry(x, 1, () => lastOf(x, 1));
    },
  };
}

/** The last frames of x as a copy: a slice as an output would keep all of x until the run ends. */
export function lastOf(x: Tensor, count: number): Tensor {
  const frames = Number(x.shape[0]);
  return concat(slice(x, { axis: 0, start: frames - count, end: frames }));
}

/** A zero frame, then x [1, H, W, C]. */
function afterZeros(x: Tensor): Tensor {
  return spaceToDepth(x, { padFront: 1 }); // [2, H, W, C]
}

/** The cache entries of a steady graph: name and shape; all zeros before the first chunk. */
export function cacheEntries(
  steady: Graph,
): { readonly name: string; readonly shape: readonly number[] }[] {
  return steady.inputs
    .filter(({ name }) => name.startsWith('cache'))
    .map(({ name, shape }) => ({ name, shape: shape.map(Number) }));
}
