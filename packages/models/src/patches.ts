import {
  type GraphBuilder,
  type PatchifyOptions,
  patchify,
  type Tensor,
  unpatchify,
} from '@tubelet/graph';

/** Frames, rows and columns of latents in one token. */
export type Patch = Pick<PatchifyOptions, 'patchT' | 'patchH' | 'patchW'>;

/**
 * The inputs `latents` f32 [elements] and `geometry` i32 [parts, 5] as patches (channel, frame, row, column).
 *
 * @param parts the symbol of images or clips
 * @returns [T, channels·patch]
 */
export function latentPatches(
  g: GraphBuilder,
  channels: number,
  patch: Patch,
  parts = 'segments',
): Tensor {
  const latents = g.input('latents', [g.symbol('elements')]);
  const geometry = g.input('geometry', [g.symbol(parts), 5], 'i32');
  const tokens = g.symbol('tokens');
  return patchify(latents, geometry, { channels, ...patch, order: 'channel_first', tokens });
}

/**
 * The output `prediction` f32 [outputElements] by the input `outputGeometry` i32 [parts, 5].
 *
 * @param y patches, [T, channels·patch]
 * @param order of a patch's values
 * @param parts the symbol of images or clips
 */
export function predictLatents(
  g: GraphBuilder,
  y: Tensor,
  patch: Patch,
  order: PatchifyOptions['order'],
  parts = 'segments',
): void {
  const { patchT, patchH, patchW } = patch;
  const channels = Number(y.shape[1]) / (patchT * patchH * patchW);
  const geometry = g.input('outputGeometry', [g.symbol(parts), 5], 'i32');
  const elements = g.symbol('outputElements');
  g.output('prediction', unpatchify(y, geometry, { channels, ...patch, order, elements }));
}
