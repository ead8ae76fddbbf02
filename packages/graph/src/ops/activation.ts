import { choice } from '../attributes.js';
import { addNode, defineOp } from '../op.js';
import type { Tensor } from '../tensor.js';

export const activationOp = defineOp({
  stem: 'activation',
  inputs: { x: 'activation' },
  attributes: { kind: choice(['gelu_tanh', 'gelu_erf', 'quick_gelu', 'silu', 'relu', 'tanh']) },
});

/** What {@link activation} can apply. */
export type ActivationKind = 'silu' | 'gelu_tanh' | 'gelu_erf' | 'quick_gelu' | 'relu' | 'tanh';

/**
 * An elementwise function. quick_gelu is x·sigmoid(1.702·x).
 *
 * @param x [...]
 * @returns the shape of x
 */
export function activation(x: Tensor, kind: ActivationKind): Tensor {
  return addNode(activationOp, [x], { kind }, () => x.shape);
}
