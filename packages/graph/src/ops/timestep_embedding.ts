import { type AttributeOptions, flag, integer, number } from '../attributes.js';
import { check } from '../error.js';
import { addNode, defineOp } from '../op.js';
import { requireRank } from '../shape.js';
import type { Tensor } from '../tensor.js';

export const timestepEmbeddingOp = defineOp({
  stem: 'timestep_embedding',
  inputs: { timestep: 'activation' },
  attributes: {
    dim: integer(),
    maxPeriod: number(10_000),
    flipSinToCos: flag(true),
    downscaleFreqShift: number(0),
    scale: number(1),
  },
});

/**
 * Sinusoidal features of the timestep, all in float32 as diffusers' get_timestep_embedding (0.42.1):
 * f_i = exp(-ln(maxPeriod)·i / (dim/2 - downscaleFreqShift)), features cos(scale·t·f_i), sin(scale·t·f_i);
 * sin first without flipSinToCos. An odd dim ends with a zero. exp rounds as PyTorch's on x86: native/ops/timestep_embedding.h.
 *
 * @param timestep [R]
 * @returns [R, dim]
 */
export function timestepEmbedding(
  timestep: Tensor,
  options: AttributeOptions<typeof timestepEmbeddingOp.attributes>,
): Tensor {
  return addNode(timestepEmbeddingOp, [timestep], options, (a) => {
    const op = 'timestep_embedding';
    requireRank(op, 'timestep', timestep, 1);
    check(a.dim >= 1, 'BAD_ATTRIBUTE', op, 'attribute dim', 'at least 1', a.dim);
    check(a.maxPeriod > 0, 'BAD_ATTRIBUTE', op, 'attribute maxPeriod', 'above 0', a.maxPeriod);
    const half = Math.floor(a.dim / 2);
    const good = half === 0 || a.downscaleFreqShift < half;
    const what = 'attribute downscaleFreqShift';
    check(good, 'BAD_ATTRIBUTE', op, what, `below dim / 2, which is ${half}`, a.downscaleFreqShift);
    return [timestep.shape[0], a.dim];
  });
}
