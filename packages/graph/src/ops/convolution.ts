import { activations } from '../activation.js';
import { type AttributeOptions, choice, integer } from '../attributes.js';
import { check } from '../error.js';
import { addNode, defineOp } from '../op.js';
import { clipDims, requireRank, requireShape } from '../shape.js';
import type { Tensor } from '../tensor.js';

export const convolutionOp = defineOp({
  stem: 'convolution',
  inputs: {
    x: 'activation',
    weight: 'weight',
    bias: 'weight?',
    cache: 'activation?',
    residual: 'activation?',
  },
  attributes: {
    strideT: integer(1),
    strideH: integer(1),
    strideW: integer(1),
    padFront: integer(0),
    padTop: integer(0),
    padBottom: integer(0),
    padLeft: integer(0),
    padRight: integer(0),
    upsample: integer(1),
    activation: choice(activations, 'none'),
  },
});

/** Options of {@link convolution}. */
export interface ConvolutionOptions extends AttributeOptions<typeof convolutionOp.attributes> {
  /** [Co] */
  readonly bias?: Tensor | undefined;
  /** [Fc, H, W, Ci], the frames just before x; Fc <= padFront, the rest of padFront is zero frames. */
  readonly cache?: Tensor | undefined;
  /** [F', H', W', Co], added last. */
  readonly residual?: Tensor | undefined;
}

/**
 * Causal 3D convolution (2D with kt = 1), y = activation(conv + bias) + residual. The time axis is
 * padFront - Fc zero frames, the cache, x; space is padded with zeros. With upsample 2 cache and x are first
 * enlarged by nearest neighbour in space.
 *
 * @param x [F, H, W, Ci]
 * @param weight [Co, Ci, kt, kh, kw]
 * @returns [F', H', W', Co], F' = floor((padFront + F - kt) / strideT) + 1, H' and W' alike
 */
export function convolution(x: Tensor, weight: Tensor, options: ConvolutionOptions = {}): Tensor {
  const { bias, cache, residual, ...attributes } = options;
  return addNode(convolutionOp, [x, weight, bias, cache, residual], attributes, (a) => {
    const op = 'convolution';
    const [f, h, w, ci] = clipDims(op, 'x', x);
    requireRank(op, 'weight', weight, 5);
    const [co, , kt, kh, kw] = weight.shape.map(Number) as [number, number, number, number, number];
    requireShape(op, 'weight', weight, [co, ci, kt, kh, kw]);
    if (bias) requireShape(op, 'bias', bias, [co]);
    if (cache) {
      const [fc] = clipDims(op, 'cache', cache);
      requireShape(op, 'cache', cache, [fc, h, w, ci]);
      check(
        fc <= a.padFront,
        'BAD_SHAPE',
        op,
        'cache frames',
        `at most padFront ${a.padFront}`,
        fc,
      );
    }
    const once = a.upsample === 1 || a.upsample === 2;
    check(once, 'BAD_ATTRIBUTE', op, 'attribute upsample', '1 or 2', a.upsample);
    const out = (axis: string, size: number, kernel: number, stride: number) => {
      check(stride >= 1, 'BAD_ATTRIBUTE', op, 'strides', 'at least 1', stride);
      const what = `padded x along ${axis}`;
      check(size >= kernel, 'BAD_SHAPE', op, what, `at least the kernel's ${kernel}`, size);
      return Math.floor((size - kernel) / stride) + 1;
    };
    const shape = [
      out('time', a.padFront + f, kt, a.strideT),
      out('height', a.padTop + h * a.upsample + a.padBottom, kh, a.strideH),
      out('width', a.padLeft + w * a.upsample + a.padRight, kw, a.strideW),
      co,
    ];
    if (residual) requireShape(op, 'residual', residual, shape);
    return shape;
  });
}
