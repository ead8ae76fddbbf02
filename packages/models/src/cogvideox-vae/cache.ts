import { concat, slice, type Tensor } from '@tubelet/graph';
import { type Chunk, lastOf } from '../vae/cache.js';
import type { Weights } from '../weights.js';

/**
 * What causal convolutions see before a chunk's frames: in the first chunk its first frame twice, in a steady one the last two
 * frames of the chunk before. Entries `cacheNN` are inputs of the steady graph and outputs `cacheNN.next` of both, in the order the
 * convolutions run.
 */
export interface FrameCache {
  /** The two frames before x [F, H, W, C]; keeps the last two for the next chunk. */
  before(x: Tensor): Tensor;
}

export function frameCache({ g }: Weights, chunk: Chunk): FrameCache {
  let count = 0;
  return {
    before(x) {
      const name = `cache${String(count++).padStart(2, '0')}`;
      const frames = Number(x.shape[0]);
      const first = slice(x, { axis: 0, start: 0, end: 1 });
      const cached = chunk === 'steady' ? g.input(name, x.shape.with(0, 2)) : concat(first, first); // [2, H, W, C]
      const next =
        frames === 1 ? concat(slice(cached, { axis: 0, start: 1, end: 2 }), x) : lastOf(x, 2);
      g.output(`${name}.next`, next);
      return cached;
    },
  };
}
