import { addNode, defineOp } from '../op.js';
import { requireBroadcast } from '../shape.js';
import type { Tensor } from '../tensor.js';

export const addOp = defineOp({
  stem: 'add',
  inputs: { a: 'activation', b: 'activation' },
  attributes: {},
});

/**
 * a + b
 *
 * @param a [..., D]
 * @param b the shape of a, or [D] for every row
 * @returns the shape of a
 */
export function add(a: Tensor, b: Tensor): Tensor {
  return addNode(addOp, [a, b], {}, () => {
    requireBroadcast('add', a, b);
    return a.shape;
  });
}
