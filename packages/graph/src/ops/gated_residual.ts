import { type AttributeOptions, integer } from '../attributes.js';
import { check } from '../error.js';
import { addNode, defineOp } from '../op.js';
import { matrixDims, requireShape } from '../shape.js';
import type { Tensor } from '../tensor.js';

export const gatedResidualOp = defineOp({
  stem: 'gated_residual',
  inputs: { x: 'activation', y: 'activation', modulation: 'activation', row: 'index' },
  attributes: { gateColumn: integer() },
});

/**
 * x + modulation[row[t], gateColumn + d]·y
 *
 * @param x [T, D]
 * @param y [T, D]
 * @param modulation [R, S]
 * @param row i32 [T], 0 <= row < R
 * @returns [T, D]
 */
export function gatedResidual(
  x: Tensor,
  y: Tensor,
  modulation: Tensor,
  row: Tensor,
  options: AttributeOptions<typeof gatedResidualOp.attributes>,
): Tensor {
  return addNode(gatedResidualOp, [x, y, modulation, row], options, ({ gateColumn }) => {
    const [t, d] = matrixDims('gated_residual', 'x', x);
    requireShape('gated_residual', 'y', y, [t, d]);
    const [, s] = matrixDims('gated_residual', 'modulation', modulation);
    requireShape('gated_residual', 'row', row, [t]);
    const needed = gateColumn + d;
    check(
      s >= needed,
      'BAD_SHAPE',
      'gated_residual',
      'modulation columns',
      `at least ${needed}`,
      s,
    );
    return x.shape;
  });
}
