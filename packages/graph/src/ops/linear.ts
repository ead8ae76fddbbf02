import { activations } from '../activation.js';
import { type AttributeOptions, choice, integer } from '../attributes.js';
import { check } from '../error.js';
import { addNode, defineOp } from '../op.js';
import { matrixDims, requireShape } from '../shape.js';
import type { Tensor } from '../tensor.js';

export const linearOp = defineOp({
  stem: 'linear',
  inputs: {
    x: 'activation',
    weight: 'weight',
    bias: 'weight?',
    modulation: 'activation?',
    row: 'index?',
    residual: 'activation?',
  },
  attributes: { activation: choice(activations, 'none'), gateColumn: integer(0) },
});

/** Options of {@link linear}. */
export interface LinearOptions extends AttributeOptions<typeof linearOp.attributes> {
  /** [N] */
  readonly bias?: Tensor | undefined;
  /** [R, S], gates the result; comes with `row`. */
  readonly modulation?: Tensor;
  /** i32 [T], 0 <= row < R */
  readonly row?: Tensor;
  /** [T, N], added last. */
  readonly residual?: Tensor;
}

/**
 * y = activation(x·Wᵀ + bias); times modulation[row[t], gateColumn + n] where one is given; plus residual.
 *
 * @param x [T, K]
 * @param weight [N, K]
 * @returns [T, N]
 */
export function linear(x: Tensor, weight: Tensor, options: LinearOptions = {}): Tensor {
  const { bias, modulation, row, residual, ...attributes } = options;
  return addNode(linearOp, [x, weight, bias, modulation, row, residual], attributes, (values) => {
    const [t, k] = matrixDims('linear', 'x', x);
    const [n] = matrixDims('linear', 'weight', weight);
    requireShape('linear', 'weight', weight, [n, k]);
    if (bias) requireShape('linear', 'bias', bias, [n]);
    const both = (modulation === undefined) === (row === undefined);
    const only = row ? 'row only' : 'modulation only';
    check(both, 'BAD_SHAPE', 'linear', 'modulation and row', 'given together', only);
    if (modulation && row) {
      const [, s] = matrixDims('linear', 'modulation', modulation);
      const needed = values.gateColumn + Number(n);
      check(s >= needed, 'BAD_SHAPE', 'linear', 'modulation columns', `at least ${needed}`, s);
      requireShape('linear', 'row', row, [t]);
    }
    if (residual) requireShape('linear', 'residual', residual, [t, n]);
    return [t, n];
  });
}
