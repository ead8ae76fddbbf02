import { TubeletError } from '../error.js';
import { addNode, defineOp } from '../op.js';
import { type Dim, fixedFirst, requireShape } from '../shape.js';
import type { Tensor } from '../tensor.js';

export const concatOp = defineOp({
  stem: 'concat',
  inputs: { x: 'activation' },
  variadic: true,
  attributes: {},
});

/**
 * Joins tensors along axis 0.
 *
 * @param tensors [A0, ...], [A1, ...], … with fixed first dims
 * @returns [A0 + A1 + …, ...]
 */
export function concat(...tensors: readonly Tensor[]): Tensor {
  const first = tensors[0];
  if (!first)
    throw new TubeletError('BAD_INPUT', 'concat', 'inputs must be = at least one, got none');
  return addNode(concatOp, tensors, {}, () => {
    const rest: readonly Dim[] = first.shape.slice(1);
    const sizes = tensors.map((tensor) => {
      const size = fixedFirst('concat', 'x', tensor);
      requireShape('concat', 'x', tensor, [size, ...rest]);
      return size;
    });
    return [sizes.reduce((sum, size) => sum + size, 0), ...rest];
  });
}
