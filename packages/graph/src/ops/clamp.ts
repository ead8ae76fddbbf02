import { type AttributeOptions, number } from '../attributes.js';
import { check } from '../error.js';
import { addNode, defineOp } from '../op.js';
import type { Tensor } from '../tensor.js';

export const clampOp = defineOp({
  stem: 'clamp',
  inputs: { x: 'activation' },
  attributes: { min: number(), max: number() },
});

/**
 * min(max(x, min), max); NaN stays NaN.
 *
 * @param x [...]
 * @returns the shape of x
 */
export function clamp(x: Tensor, options: AttributeOptions<typeof clampOp.attributes>): Tensor {
  return addNode(clampOp, [x], options, ({ min, max }) => {
    check(min <= max, 'BAD_ATTRIBUTE', 'clamp', 'attribute min', `at most max ${max}`, min);
    return x.shape;
  });
}
