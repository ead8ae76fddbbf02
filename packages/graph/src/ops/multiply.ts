import { addNode, defineOp } from '../op.js';
import { requireBroadcast } from '../shape.js';
import type { Tensor } from '../tensor.js';

export const multiplyOp = defineOp({
  stem: 'multiply',
  inputs: { a: 'activation', b: 'activation' },
  attributes: {},
});

/**
 * a·b, elementwise
 *
 * @param a [..., D]
 * @param b the shape of a, or [D] for every row
 * @returns the shape of a
 */
export function multiply(a: Tensor, b: Tensor): Tensor {
  return addNode(multiplyOp, [a, b], {}, () => {
    requireBroadcast('multiply', a, b);
    return a.shape;
  });
}
