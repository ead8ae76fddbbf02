import { addNode, defineOp } from '../op.js';
import { matrixDims, requireRank } from '../shape.js';
import type { Tensor } from '../tensor.js';

export const embeddingOp = defineOp({
  stem: 'embedding',
  inputs: { ids: 'index', table: 'weight' },
  attributes: {},
});

/**
 * Rows of a table.
 *
 * @param ids i32 [T], 0 <= id < V
 * @param table [V, D]
 * @returns [T, D]
 */
export function embedding(ids: Tensor, table: Tensor): Tensor {
  return addNode(embeddingOp, [ids, table], {}, () => {
    requireRank('embedding', 'ids', ids, 1);
    const [, d] = matrixDims('embedding', 'table', table);
    return [ids.shape[0], d];
  });
}
