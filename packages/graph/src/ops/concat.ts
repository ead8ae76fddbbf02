import { integer } from '../attributes.js';
import { TubeletError } from '../error.js';
import { addNode, defineOp } from '../op.js';
import { type Dim, fixedFirst, requireShape } from '../shape.js';
import type { Tensor } from '../tensor.js';

export const concatOp = defineOp({
  stem: 'concat',
  inputs: { x: 'activation' },
  variadic: true,
  attributes: { axis: integer(0) },
});

/**
 * Joins tensors along axis 0.
 *
 * @param tensors [A0, ...], [A1, ...], … with fixed first dims
 * @returns [A0 + A1 + …, ...]
 */
export function concat(...tensors: readonly Tensor[]): Tensor {
  return join(tensors, 0);
}

/**
 * Joins tensors along their last axis.
 *
 * @param tensors [..., A0], [..., A1], …
 * @returns [..., A0 + A1 + …]
 */
export function concatColumns(...tensors: readonly Tensor[]): Tensor {
  return join(tensors, (tensors[0]?.shape.length ?? 1) - 1);
}

function join(tensors: readonly Tensor[], axis: number): Tensor {
  const first = tensors[0];
  if (!first)
    throw new TubeletError('BAD_INPUT', 'concat', 'inputs must be = at least one, got none');
  return addNode(concatOp, tensors, { axis }, () => {
    const sizes = tensors.map((tensor) => {
      if (axis === 0) fixedFirst('concat', 'x', tensor);
      const size: Dim = tensor.shape[axis] ?? 1;
      requireShape('concat', 'x', tensor, first.shape.with(axis, size));
      return Number(size);
    });
    return first.shape.with(
      axis,
      sizes.reduce((sum, size) => sum + size, 0),
    );
  });
}
