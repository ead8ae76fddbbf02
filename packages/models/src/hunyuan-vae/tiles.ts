import { TubeletError } from '@tubelet/graph';
import type { ClipSize } from '../packing.js';
import {
  dividedTile,
  inLatents,
  inPixels,
  planTilesOrWhole,
  type TilePlan,
  type TileSize,
} from '../vae/tiles.js';
import { type HunyuanVaeConfig, spaceFactorOf, timeFactor } from './config.js';

/** Tiles of diffusers' `enable_tiling`, in pictures and pixels; a tile begins every stride. */
export interface HunyuanTileSize extends TileSize {
  readonly minFrames: number;
  readonly strideFrames: number;
}

/** diffusers' defaults. */
export const hunyuanTileSize: HunyuanTileSize = {
  minFrames: 16,
  minHeight: 256,
  minWidth: 256,
  strideFrames: 12,
  strideHeight: 192,
  strideWidth: 192,
};

/** How a clip is cut into spans of frames. Each but the first begins with a frame that only its past needs. */
export interface SpanPlan {
  readonly spans: readonly { readonly start: number; readonly frames: number }[];
  /** Frames over which a span passes into the next; in frames of the result, as all below. */
  readonly blend: number;
  /** What each span contributes, the first one more, the last what is left. */
  readonly stride: number;
  readonly frames: number;
}

/** A run for every span and every tile of it: tiles are put together first (`blendTiles`), then spans (`blendSpan`). */
export interface HunyuanTilePlan {
  readonly time: SpanPlan;
  readonly space: TilePlan;
}

/** Parts of latents [frames, height, width, z] for the decoder. A clip that is small enough is one part. */
export function planHunyuanDecode(
  config: HunyuanVaeConfig,
  clip: ClipSize,
  tile: HunyuanTileSize = hunyuanTileSize,
): HunyuanTilePlan {
  const factor = spaceFactorOf(config);
  const latents = tileInLatents(tile, factor);
  return {
    time: planSpans(clip.frames, latents, 1 + (clip.frames - 1) * timeFactor, tile),
    space: planTilesOrWhole(clip, latents, inPixels(clip, factor), tile),
  };
}

/** Parts of pictures [frames, height, width, C] for the encoder with `tile: true`. A clip that is small enough is one part. */
export function planHunyuanEncode(
  config: HunyuanVaeConfig,
  clip: ClipSize,
  tile: HunyuanTileSize = hunyuanTileSize,
): HunyuanTilePlan {
  const factor = spaceFactorOf(config);
  const latents = tileInLatents(tile, factor);
  return {
    time: planSpans(clip.frames, tile, 1 + Math.floor((clip.frames - 1) / timeFactor), latents),
    space: planTilesOrWhole(clip, tile, inLatents(clip, factor), latents),
  };
}

function tileInLatents(tile: HunyuanTileSize, factor: number): HunyuanTileSize {
  return {
    ...dividedTile(tile, factor),
    minFrames: Math.floor(tile.minFrames / timeFactor),
    strideFrames: Math.floor(tile.strideFrames / timeFactor),
  };
}

function planSpans(
  sourceFrames: number,
  source: HunyuanTileSize,
  frames: number,
  result: HunyuanTileSize,
): SpanPlan {
  if (sourceFrames <= source.minFrames)
    return { spans: [{ start: 0, frames: sourceFrames }], blend: 0, stride: frames, frames };
  for (const { strideFrames: stride } of [source, result]) {
    if (Number.isInteger(stride) && stride >= 1) continue;
    const expected = 'at least one latent';
    throw new TubeletError(
      'BAD_INPUT',
      'vae',
      `tile strideFrames must be = ${expected}, got ${stride}`,
    );
  }
  const count = Math.ceil(sourceFrames / source.strideFrames);
  const spans = Array.from({ length: count }, (_, i) => {
    const start = i * source.strideFrames;
    return { start, frames: Math.min(source.minFrames + 1, sourceFrames - start) };
  });
  const blend = Math.max(0, result.minFrames - result.strideFrames);
  return { spans, blend, stride: result.strideFrames, frames };
}

/**
 * The frames that a span contributes, without the first frame of all spans but the first; they pass linearly from the end of
 * the span before, as that is after its own blending: **changes the span's data**.
 *
 * @param index of the span
 * @param data its result, [frames, …]
 * @param before the result of the span before, already blended; none for the first
 * @param perFrame elements of a frame
 */
export function blendSpan(
  { blend, stride, frames }: SpanPlan,
  index: number,
  data: Float32Array,
  before: Float32Array | undefined,
  perFrame: number,
): Float32Array {
  if (!before) return data.subarray(0, Math.min(frames, stride + 1) * perFrame);
  const own = data.subarray(perFrame);
  // The span before has lost its first frame too, unless it is the first.
  const available = before.length / perFrame - (index > 1 ? 1 : 0);
  const extent = Math.min(available, own.length / perFrame, blend);
  const end = before.subarray(before.length - extent * perFrame);
  for (let i = 0; i < extent * perFrame; i++) {
    const weight = Math.floor(i / perFrame) / extent;
    own[i] = end[i] * (1 - weight) + own[i] * weight;
  }
  const left = frames - (1 + index * stride);
  return own.subarray(0, Math.max(0, Math.min(stride, left)) * perFrame);
}
