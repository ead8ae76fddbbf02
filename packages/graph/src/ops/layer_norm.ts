import { type AttributeOptions, number } from '../attributes.js';
import { addNode, defineOp } from '../op.js';
import { matrixDims, requireShape } from '../shape.js';
import type { Tensor } from '../tensor.js';

export const layerNormOp = defineOp({
  stem: 'layer_norm',
  inputs: { x: 'activation', weight: 'activation?', bias: 'activation?' },
  attributes: { epsilon: number() },
});

export interface LayerNormOptions extends AttributeOptions<typeof layerNormOp.attributes> {
  /** [D] */
  readonly weight?: Tensor;
  /** [D] */
  readonly bias?: Tensor;
}

/**
 * y = (x - mean) / sqrt(variance + epsilon) · weight + bias over the last axis (Ba et al. 2016).
 *
 * @param x [T, D]
 * @returns [T, D]
 */
export function layerNorm(x: Tensor, { weight, bias, ...attributes }: LayerNormOptions): Tensor {
  return addNode(layerNormOp, [x, weight, bias], attributes, () => {
    const [, d] = matrixDims('layer_norm', 'x', x);
    if (weight) requireShape('layer_norm', 'weight', weight, [d]);
    if (bias) requireShape('layer_norm', 'bias', bias, [d]);
    return x.shape;
  });
}
