import { type AttributeOptions, integer } from '../attributes.js';
import { check } from '../error.js';
import { addNode, defineOp } from '../op.js';
import { clipDims } from '../shape.js';
import type { Tensor } from '../tensor.js';

export const depthToSpaceOp = defineOp({
  stem: 'depth_to_space',
  inputs: { x: 'activation' },
  attributes: {
    factorT: integer(1),
    factorH: integer(1),
    factorW: integer(1),
    channels: integer(),
    repeats: integer(1),
    channelStride: integer(1),
    strideT: integer(0),
    strideH: integer(0),
    strideW: integer(0),
  },
});

/**
 * Pixel shuffle in space and time:
 * y[f·factorT + i, h·factorH + j, w·factorW + k, c] =
 *   x[f, h, w, (c·channelStride + i·strideT + j·strideH + k·strideW) / repeats], rounded down.
 *
 * @param x [F, H, W, C]
 * @returns [F·factorT, H·factorH, W·factorW, channels]
 */
export function depthToSpace(
  x: Tensor,
  options: AttributeOptions<typeof depthToSpaceOp.attributes>,
): Tensor {
  return addNode(depthToSpaceOp, [x], options, (a) => {
    const op = 'depth_to_space';
    const [f, h, w, c] = clipDims(op, 'x', x);
    const least = Math.min(a.factorT, a.factorH, a.factorW, a.channels, a.repeats);
    check(least >= 1, 'BAD_ATTRIBUTE', op, 'factors, channels and repeats', 'at least 1', least);
    const last =
      (a.channels - 1) * a.channelStride +
      (a.factorT - 1) * a.strideT +
      (a.factorH - 1) * a.strideH +
      (a.factorW - 1) * a.strideW;
    const reached = Math.floor(last / a.repeats);
    check(
      reached < c,
      'BAD_SHAPE',
      op,
      'channel reached by the strides',
      `below x's ${c}`,
      reached,
    );
    return [f * a.factorT, h * a.factorH, w * a.factorW, a.channels];
  });
}
