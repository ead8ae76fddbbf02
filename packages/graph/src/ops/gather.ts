import { TubeletError } from '../error.js';
import { addNode, defineOp } from '../op.js';
import { matrixDims, requireRank, requireShape } from '../shape.js';
import type { Tensor } from '../tensor.js';

export const gatherOp = defineOp({
  stem: 'gather',
  inputs: { index: 'index', x: 'activation' },
  variadic: true,
  attributes: {},
});

/**
 * Rows by their numbers, y[t] = x[index[t]], the rows of all tensors being numbered one after another.
 *
 * @param index i32 [T], 0 <= index < A0 + A1 + …
 * @param tensors [A0, D], [A1, D], …
 * @returns [T, D]
 */
export function gather(index: Tensor, ...tensors: readonly Tensor[]): Tensor {
  const first = tensors[0];
  if (!first)
    throw new TubeletError('BAD_INPUT', 'gather', 'x must be = at least one tensor, got none');
  return addNode(gatherOp, [index, ...tensors], {}, () => {
    requireRank('gather', 'index', index, 1);
    const [, width] = matrixDims('gather', 'x', first);
    for (const tensor of tensors) {
      const [rows] = matrixDims('gather', 'x', tensor);
      requireShape('gather', 'x', tensor, [rows, width]);
    }
    return [index.shape[0], width];
  });
}
