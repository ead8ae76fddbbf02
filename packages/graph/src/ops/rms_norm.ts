import { type AttributeOptions, choice, integer, number } from '../attributes.js';
import { addNode, defineOp } from '../op.js';
import { lastDim, requireMultiple, requireShape, sameShape } from '../shape.js';
import type { Tensor } from '../tensor.js';

export const rmsNormOp = defineOp({
  stem: 'rms_norm',
  inputs: { x: 'activation', weight: 'activation?' },
  attributes: {
    form: choice(['rms', 'l2'], 'rms'),
    epsilon: number(),
    groups: integer(1),
    activation: choice(['none', 'silu'], 'none'),
  },
});

/** Options of {@link rmsNorm}. */
export interface RmsNormOptions extends AttributeOptions<typeof rmsNormOp.attributes> {
  /** [D], or [D / groups] for all groups alike. */
  readonly weight?: Tensor | undefined;
}

/**
 * Normalises each of `groups` equal parts of the last axis, n = D / groups elements each, then applies
 * the activation. rms: x / sqrt(mean(x²) + epsilon)·weight (Zhang & Sennrich 2019);
 * l2: x / max(‖x‖₂, epsilon)·sqrt(n)·weight (PyTorch's normalize, Wan's autoencoder).
 *
 * @param x [..., D]
 * @returns the shape of x
 */
export function rmsNorm(x: Tensor, { weight, ...attributes }: RmsNormOptions): Tensor {
  return addNode(rmsNormOp, [x, weight], attributes, ({ groups }) => {
    const d = lastDim(x);
    requireMultiple('rms_norm', 'x', d, 'groups', groups);
    if (weight && !sameShape(weight.shape, [d / groups])) {
      requireShape('rms_norm', 'weight', weight, [d]);
    }
    return x.shape;
  });
}
