import { addNode, defineOp } from '../op.js';
import { requireRank, requireShape } from '../shape.js';
import type { Tensor } from '../tensor.js';

export const linearCombinationOp = defineOp({
  stem: 'linear_combination',
  inputs: { coefficients: 'activation', x: 'activation' },
  variadic: true,
  attributes: {},
});

/**
 * coefficients[0]·x1 + coefficients[1]·x2 + …, summed in order by float32 fused multiply-add from 0: the
 * update step of the samplers.
 *
 * @param coefficients [n]
 * @param tensors n tensors [E]
 * @returns [E]
 */
export function linearCombination(coefficients: Tensor, ...tensors: readonly Tensor[]): Tensor {
  return addNode(linearCombinationOp, [coefficients, ...tensors], {}, () => {
    requireShape('linear_combination', 'coefficients', coefficients, [tensors.length]);
    const first = tensors[0];
    for (const tensor of tensors) {
      requireRank('linear_combination', 'x', tensor, 1);
      requireShape('linear_combination', 'x', tensor, first.shape);
    }
    return first.shape;
  });
}
