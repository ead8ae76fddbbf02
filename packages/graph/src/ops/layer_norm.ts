import { type AttributeOptions, integer, number } from '../attributes.js';
import { addNode, defineOp } from '../op.js';
import { matrixDims, requireMultiple, requireShape, sameShape } from '../shape.js';
import type { Tensor } from '../tensor.js';

export const layerNormOp = defineOp({
  stem: 'layer_norm',
  inputs: { x: 'activation', weight: 'activation?', bias: 'activation?' },
  attributes: { epsilon: number(), groups: integer(1) },
});

/** Options of {@link layerNorm}. */
export interface LayerNormOptions extends AttributeOptions<typeof layerNormOp.attributes> {
  /** [D], or [D / groups] for all groups alike. */
  readonly weight?: Tensor;
  /** [D], or [D / groups] for all groups alike. */
  readonly bias?: Tensor;
}

/**
 * y = (x - mean) / sqrt(variance + epsilon) · weight + bias over each of `groups` equal parts of the last axis (Ba et al. 2016).
 *
 * @param x [T, D]
 * @returns [T, D]
 */
export function layerNorm(x: Tensor, { weight, bias, ...attributes }: LayerNormOptions): Tensor {
  return addNode(layerNormOp, [x, weight, bias], attributes, ({ groups }) => {
    const [, d] = matrixDims('layer_norm', 'x', x);
    requireMultiple('layer_norm', 'x', d, 'groups', groups);
    for (const [name, vector] of [
      ['weight', weight],
      ['bias', bias],
    ] as const) {
      if (vector && !sameShape(vector.shape, [d / groups]))
        requireShape('layer_norm', name, vector, [d]);
    }
    return x.shape;
  });
}
