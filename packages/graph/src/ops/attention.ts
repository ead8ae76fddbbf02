import { type AttributeOptions, flag, integer, number } from '../attributes.js';
import { check } from '../error.js';
import { addNode, defineOp } from '../op.js';
import { matrixDims, requireMultiple, requireShape, shapeText } from '../shape.js';
import type { Tensor } from '../tensor.js';

export const attentionOp = defineOp({
  stem: 'attention',
  inputs: {
    q: 'activation',
    k: 'activation',
    v: 'activation',
    segments: 'index',
    bias: 'activation?',
  },
  attributes: { heads: integer(), scale: number(), causal: flag(false) },
});

/** Options of {@link attention}. */
export interface AttentionOptions extends AttributeOptions<typeof attentionOp.attributes> {
  /** [B, heads], B odd and fixed: added by relative distance, entry (k - q) + (B - 1) / 2, counted from kStart and qStart. */
  readonly bias?: Tensor | undefined;
}

/**
 * Per segment and head softmax(scale·q·kᵀ + bias)·v (Vaswani et al. 2017). A row that is in no segment,
 * or whose segment has no keys, becomes 0.
 *
 * @param q [Tq, heads·headDim]
 * @param k [Tk, heads·headDim]
 * @param v [Tk, heads·valueDim]
 * @param segments i32 [S, 4], rows (qStart, qEnd, kStart, kEnd), ends excluded; query ranges do not overlap
 * @returns [Tq, heads·valueDim]
 */
export function attention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  segments: Tensor,
  options: AttentionOptions,
): Tensor {
  const { bias, ...attributes } = options;
  return addNode(attentionOp, [q, k, v, segments, bias], attributes, ({ heads }) => {
    const [tq, width] = matrixDims('attention', 'q', q);
    requireMultiple('attention', 'q', width, 'heads', heads);
    const [tk] = matrixDims('attention', 'k', k);
    requireShape('attention', 'k', k, [tk, width]);
    const [, valueWidth] = matrixDims('attention', 'v', v);
    requireShape('attention', 'v', v, [tk, valueWidth]);
    requireMultiple('attention', 'v', valueWidth, 'heads', heads);
    const [s] = matrixDims('attention', 'segments', segments);
    requireShape('attention', 'segments', segments, [s, 4]);
    if (bias) {
      const [b] = matrixDims('attention', 'bias', bias);
      requireShape('attention', 'bias', bias, [b, heads]);
      check(
        typeof b === 'number',
        'BAD_SHAPE',
        'attention',
        'bias dim 0',
        'a number',
        shapeText(bias.shape),
      );
      check(b % 2 === 1, 'BAD_SHAPE', 'attention', 'bias rows', 'odd', b);
    }
    return [tq, valueWidth];
  });
}
