import { type AttributeOptions, integer } from '../attributes.js';
import { check } from '../error.js';
import { addNode, defineOp } from '../op.js';
import { shapeText } from '../shape.js';
import type { Tensor } from '../tensor.js';

export const sliceOp = defineOp({
  stem: 'slice',
  inputs: { x: 'activation' },
  view: true,
  attributes: { axis: integer(), start: integer(), end: integer() },
});

/**
 * The part `[start, end)` of the first or the last axis, without a copy.
 *
 * @param x [...], the axis fixed in size
 */
export function slice(x: Tensor, options: AttributeOptions<typeof sliceOp.attributes>): Tensor {
  return addNode(sliceOp, [x], options, ({ axis, start, end }) => {
    const last = x.shape.length - 1;
    check(axis === 0 || axis === last, 'BAD_SHAPE', 'slice', 'axis', `0 or ${last}`, axis);
    const size = x.shape[axis];
    const fixed = typeof size === 'number';
    check(fixed, 'BAD_SHAPE', 'slice', 'the sliced axis', 'a fixed size', shapeText(x.shape));
    const good = start < end && end <= Number(size);
    check(
      good,
      'BAD_SHAPE',
      'slice',
      'start and end',
      `a range within ${Number(size)}`,
      `${start} to ${end}`,
    );
    return x.shape.with(axis, end - start);
  });
}

/** Columns `[start, start + width)` of the last axis. */
export function columns(x: Tensor, start: number, width: number): Tensor {
  return slice(x, { axis: x.shape.length - 1, start, end: start + width });
}
