import { type AttributeOptions, choice, integer } from '../attributes.js';
import { addNode, defineOp } from '../op.js';
import { type Dim, requireRank, requireShape } from '../shape.js';
import type { Tensor } from '../tensor.js';

export const patchifyOp = defineOp({
  stem: 'patchify',
  inputs: { latents: 'activation', geometry: 'index' },
  attributes: {
    channels: integer(),
    patchT: integer(),
    patchH: integer(),
    patchW: integer(),
    order: choice(['channel_first', 'channel_last']),
  },
});

/** Options of {@link patchify}. */
export interface PatchifyOptions extends AttributeOptions<typeof patchifyOp.attributes> {
  /** Rows of the result, which the shapes cannot tell. */
  readonly tokens: Dim;
}

/**
 * Cuts packed latents into tokens: each segment's [C, F, H, W] into patches in the order t, h, w.
 * A token's values run (c, t, h, w) for channel_first, (t, h, w, c) for channel_last.
 *
 * @param latents f32 [E], the segments' latents one after another
 * @param geometry i32 [S, 5], rows (elementStart, tokenStart, F, H, W), sizes in latent units
 * @returns [tokens, C·patchT·patchH·patchW]
 */
export function patchify(
  latents: Tensor,
  geometry: Tensor,
  { tokens, ...attributes }: PatchifyOptions,
): Tensor {
  return addNode(
    patchifyOp,
    [latents, geometry],
    attributes,
    ({ channels, patchT, patchH, patchW }) => {
      requireRank('patchify', 'latents', latents, 1);
      requireShape('patchify', 'geometry', geometry, [geometry.shape[0], 5]);
      return [tokens, channels * patchT * patchH * patchW];
    },
  );
}
