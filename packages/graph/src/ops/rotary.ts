import { type AttributeOptions, choice, integer } from '../attributes.js';
import { check } from '../error.js';
import { addNode, defineOp } from '../op.js';
import { matrixDims, requireMultiple, requireShape } from '../shape.js';
import type { Tensor } from '../tensor.js';

export const rotaryOp = defineOp({
  stem: 'rotary',
  inputs: { x: 'activation', cos: 'activation', sin: 'activation' },
  attributes: { headDim: integer(), layout: choice(['interleaved', 'halves']) },
});

/**
 * Rotary position embedding (Su et al. 2021): in every head the first 2P values are turned in pairs,
 * (a, b) -> (a·cos - b·sin, a·sin + b·cos); the rest passes. Pairs are (2i, 2i+1) for interleaved,
 * (i, i+P) for halves.
 *
 * @param x [T, D], D a multiple of headDim
 * @param cos [T, P], 2P <= headDim
 * @param sin [T, P]
 * @returns [T, D]
 */
export function rotary(
  x: Tensor,
  cos: Tensor,
  sin: Tensor,
  options: AttributeOptions<typeof rotaryOp.attributes>,
): Tensor {
  return addNode(rotaryOp, [x, cos, sin], options, ({ headDim }) => {
    const [t, d] = matrixDims('rotary', 'x', x);
    requireMultiple('rotary', 'x', d, 'headDim', headDim);
    const [, p] = matrixDims('rotary', 'cos', cos);
    requireShape('rotary', 'cos', cos, [t, p]);
    requireShape('rotary', 'sin', sin, [t, p]);
    check(
      2 * p <= headDim,
      'BAD_SHAPE',
      'rotary',
      'cos columns',
      `at most half of headDim ${headDim}`,
      p,
    );
    return x.shape;
  });
}
