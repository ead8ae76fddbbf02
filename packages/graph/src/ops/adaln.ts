import { type AttributeOptions, choice, integer, number } from '../attributes.js';
import { check } from '../error.js';
import { addNode, defineOp } from '../op.js';
import { matrixDims, requireShape } from '../shape.js';
import type { Tensor } from '../tensor.js';

export const adalnOp = defineOp({
  stem: 'adaln',
  inputs: { x: 'activation', modulation: 'activation', row: 'index' },
  attributes: {
    norm: choice(['layer', 'rms'], 'layer'),
    epsilon: number(),
    shiftColumn: integer(),
    scaleColumn: integer(),
  },
});

/**
 * y = norm(x)·(1 + modulation[row[t], scaleColumn + d]) + modulation[row[t], shiftColumn + d]: the norm
 * without weights and its modulation in one (DiT, Peebles & Xie 2022, section 3.2).
 *
 * @param x [T, D]
 * @param modulation [R, S], the projected conditioning, one row per distinct timestep
 * @param row i32 [T], 0 <= row < R
 * @returns [T, D]
 */
export function adaln(
  x: Tensor,
  modulation: Tensor,
  row: Tensor,
  options: AttributeOptions<typeof adalnOp.attributes>,
): Tensor {
  return addNode(adalnOp, [x, modulation, row], options, ({ shiftColumn, scaleColumn }) => {
    const [t, d] = matrixDims('adaln', 'x', x);
    const [, s] = matrixDims('adaln', 'modulation', modulation);
    requireShape('adaln', 'row', row, [t]);
    const needed = Math.max(shiftColumn, scaleColumn) + d;
    check(s >= needed, 'BAD_SHAPE', 'adaln', 'modulation columns', `at least ${needed}`, s);
    return x.shape;
  });
}
