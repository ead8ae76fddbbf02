import { check } from '../error.js';
import { addNode, defineOp } from '../op.js';
import { elementsOf, type Shape, sameDim, shapeText } from '../shape.js';
import type { Tensor } from '../tensor.js';

export const reshapeOp = defineOp({
  stem: 'reshape',
  inputs: { x: 'activation' },
  view: true,
  attributes: {},
});

/**
 * The same elements under another shape; a symbolic first dim stays.
 *
 * @param x [...], not a slice along its last axis
 * @param shape with as many elements
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  return addNode(reshapeOp, [x], {}, () => {
    const symbolic = typeof x.shape[0] !== 'number' || typeof shape[0] !== 'number';
    const good = symbolic
      ? sameDim(x.shape[0], shape[0]) && elementsOf(x.shape, 1) === elementsOf(shape, 1)
      : elementsOf(x.shape) === elementsOf(shape);
    check(
      good,
      'BAD_SHAPE',
      'reshape',
      'elements',
      `those of x ${shapeText(x.shape)}`,
      shapeText(shape),
    );
    return shape;
  });
}
