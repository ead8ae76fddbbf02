import type { AttributeOptions } from '../attributes.js';
import { addNode, defineOp } from '../op.js';
import { type Dim, matrixDims, requireShape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { patchifyOp } from './patchify.js';

export const unpatchifyOp = defineOp({
  stem: 'unpatchify',
  inputs: { tokens: 'activation', geometry: 'index' },
  attributes: patchifyOp.attributes,
});

/** Options of {@link unpatchify}. */
export interface UnpatchifyOptions extends AttributeOptions<typeof unpatchifyOp.attributes> {
  /** Size of the result, which the shapes cannot tell. */
  readonly elements: Dim;
}

/**
 * The inverse of {@link patchify}.
 *
 * @param tokens [T, C·patchT·patchH·patchW]
 * @param geometry i32 [S, 5], rows (elementStart, tokenStart, F, H, W), sizes in latent units
 * @returns f32 [elements], each segment's [C, F, H, W] one after another
 */
export function unpatchify(
  tokens: Tensor,
  geometry: Tensor,
  { elements, ...attributes }: UnpatchifyOptions,
): Tensor {
  return addNode(
    unpatchifyOp,
    [tokens, geometry],
    attributes,
    ({ channels, patchT, patchH, patchW }) => {
      const [t] = matrixDims('unpatchify', 'tokens', tokens);
      requireShape('unpatchify', 'tokens', tokens, [t, channels * patchT * patchH * patchW]);
      requireShape('unpatchify', 'geometry', geometry, [geometry.shape[0], 5]);
      return [elements];
    },
  );
}
