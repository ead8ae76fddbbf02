import { type AttributeOptions, type AttributeValues, integer } from '../attributes.js';
import { check } from '../error.js';
import { addNode, defineOp } from '../op.js';
import { clipDims } from '../shape.js';
import type { Tensor } from '../tensor.js';

export const spaceToDepthOp = defineOp({
  stem: 'space_to_depth',
  inputs: { x: 'activation' },
  attributes: {
    factorT: integer(1),
    factorH: integer(1),
    factorW: integer(1),
    padFront: integer(0),
    group: integer(1),
    channelStride: integer(1),
    strideT: integer(0),
    strideH: integer(0),
    strideW: integer(0),
  },
});

/**
 * The inverse of pixel shuffle, with padFront zero frames before x:
 * z[f, h, w, c·channelStride + i·strideT + j·strideH + k·strideW] = x[f·factorT + i, h·factorH + j, w·factorW + k, c],
 * and y is the mean over each `group` consecutive channels of z.
 *
 * @param x [F, H, W, C]
 * @returns [(F + padFront) / factorT, H / factorH, W / factorW, C·factorT·factorH·factorW / group]
 */
export function spaceToDepth(
  x: Tensor,
  options: AttributeOptions<typeof spaceToDepthOp.attributes>,
): Tensor {
  return addNode(spaceToDepthOp, [x], options, (a) => {
    const op = 'space_to_depth';
    const [f, h, w, c] = clipDims(op, 'x', x);
    const divide = (what: string, size: number, factor: number) => {
      const good = factor >= 1 && size % factor === 0;
      check(good, 'BAD_SHAPE', op, what, `a multiple of ${factor}`, size);
      return size / factor;
    };
    const channels = c * a.factorT * a.factorH * a.factorW;
    requirePermutation(a, c);
    return [
      divide('padFront + frames', f + a.padFront, a.factorT),
      divide('height', h, a.factorH),
      divide('width', w, a.factorW),
      divide('channels', channels, a.group),
    ];
  });
}

/** The strides are those of some order of the four axes: every channel of z is reached once. */
function requirePermutation(
  a: AttributeValues<typeof spaceToDepthOp.attributes>,
  channels: number,
): void {
  const axes: [stride: number, size: number][] = [
    [a.channelStride, channels],
    [a.strideT, a.factorT],
    [a.strideH, a.factorH],
    [a.strideW, a.factorW],
  ];
  let expected = 1;
  for (const [stride, size] of axes.filter(([, size]) => size > 1).sort((x, y) => x[0] - y[0])) {
    const what = `those of some order of c, t, h, w with ${expected} among them`;
    check(stride === expected, 'BAD_ATTRIBUTE', 'space_to_depth', 'strides', what, stride);
    expected *= size;
  }
}
