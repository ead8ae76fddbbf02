import { type AttributeOptions, integer } from '../attributes.js';
import { check } from '../error.js';
import { addNode, defineOp } from '../op.js';
import { clipDims } from '../shape.js';
import type { Tensor } from '../tensor.js';

export const upsampleOp = defineOp({
  stem: 'upsample',
  inputs: { x: 'activation' },
  attributes: { factorT: integer(1), factorH: integer(1), factorW: integer(1) },
});

/**
 * Nearest neighbour: y[f, h, w] = x[f / factorT, h / factorH, w / factorW], rounded down.
 *
 * @param x [F, H, W, C]
 * @returns [F·factorT, H·factorH, W·factorW, C]
 */
export function upsample(
  x: Tensor,
  options: AttributeOptions<typeof upsampleOp.attributes>,
): Tensor {
  return addNode(upsampleOp, [x], options, ({ factorT, factorH, factorW }) => {
    const [f, h, w, c] = clipDims('upsample', 'x', x);
    const least = Math.min(factorT, factorH, factorW);
    check(least >= 1, 'BAD_ATTRIBUTE', 'upsample', 'factors', 'at least 1', least);
    return [f * factorT, h * factorH, w * factorW, c];
  });
}
