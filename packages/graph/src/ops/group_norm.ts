import { activations } from '../activation.js';
import { type AttributeOptions, choice, integer, number } from '../attributes.js';
import { addNode, defineOp } from '../op.js';
import { clipDims, requireMultiple, requireShape } from '../shape.js';
import type { Tensor } from '../tensor.js';

export const groupNormOp = defineOp({
  stem: 'group_norm',
  inputs: { x: 'activation', weight: 'activation?', bias: 'activation?' },
  attributes: { groups: integer(), epsilon: number(), activation: choice(activations, 'none') },
});

/** Options of {@link groupNorm}. */
export interface GroupNormOptions extends AttributeOptions<typeof groupNormOp.attributes> {
  /** [C] */
  readonly weight?: Tensor;
  /** [C] */
  readonly bias?: Tensor;
}

/**
 * activation((x - mean) / sqrt(variance + epsilon) · weight + bias), statistics over height, width and the channels of
 * one of `groups` equal parts (Wu & He 2018). Every frame for itself; reshape to [1, F·H, W, C] to take them together.
 *
 * @param x [F, H, W, C]
 * @returns [F, H, W, C]
 */
export function groupNorm(x: Tensor, { weight, bias, ...attributes }: GroupNormOptions): Tensor {
  return addNode(groupNormOp, [x, weight, bias], attributes, ({ groups }) => {
    const [, , , channels] = clipDims('group_norm', 'x', x);
    requireMultiple('group_norm', 'x', channels, 'groups', groups);
    if (weight) requireShape('group_norm', 'weight', weight, [channels]);
    if (bias) requireShape('group_norm', 'bias', bias, [channels]);
    return x.shape;
  });
}
