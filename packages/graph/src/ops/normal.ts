import { addNode, defineOp } from '../op.js';
import { type Dim, requireShape } from '../shape.js';
import type { Tensor } from '../tensor.js';

export const normalOp = defineOp({
  stem: 'normal',
  inputs: { key: 'index' },
  attributes: {},
});

/**
 * Standard normal numbers from the counter-based Philox4x32-10 (Salmon et al. 2011): element i depends only on the
 * key and i, and has the same bits on every machine.
 *
 * @param key i32 [4]: seed low, seed high, stream, first element
 * @param elements how many
 * @returns [elements]
 */
export function normal(key: Tensor, elements: Dim): Tensor {
  return addNode(normalOp, [key], {}, () => {
    requireShape('normal', 'key', key, [4]);
    return [elements];
  });
}
