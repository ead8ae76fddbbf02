import { TubeletError } from '@tubelet/graph';
import type { ImageSize } from '../packing.js';
import { vaeFactors, type WanVaeConfig } from './config.js';

/** Tiles of diffusers' `enable_tiling`, in pixels; a tile begins every stride. */
export interface TileSize {
  readonly minHeight: number;
  readonly minWidth: number;
  readonly strideHeight: number;
  readonly strideWidth: number;
}

/** diffusers' default tiles. */
export const defaultTileSize: TileSize = {
  minHeight: 256,
  minWidth: 256,
  strideHeight: 192,
  strideWidth: 192,
};

/** A part of the source: latents when decoding, pixels when encoding. */
export interface Tile {
  readonly y: number;
  readonly x: number;
  readonly height: number;
  readonly width: number;
}

/** How a picture is cut into tiles and put together again. */
export interface TilePlan {
  /** Row by row. Each tile is a clip of its own, with its own cache. */
  readonly tiles: readonly Tile[];
  readonly columns: number;
  /** Rows and columns over which a tile passes into the next; in units of the result, as all below. */
  readonly blendHeight: number;
  readonly blendWidth: number;
  /** What each tile contributes, but the last of a row or column. */
  readonly strideHeight: number;
  readonly strideWidth: number;
  readonly height: number;
  readonly width: number;
}

/** Whether a clip is larger than one tile: the original decodes or encodes it in tiles then. */
export function needsTiles(
  config: WanVaeConfig,
  tile: TileSize,
  latents: { readonly height: number; readonly width: number },
  direction: 'decode' | 'encode',
): boolean {
  const { space } = vaeFactors(config);
  const of = (pixels: number) =>
    direction === 'decode' ? Math.floor(pixels / space) : pixels / space;
  return latents.height > of(tile.minHeight) || latents.width > of(tile.minWidth);
}

/**
 * Tiles of latents [F, height, width, z] for the decoder with `tile: true`. The result is in units of patches, and
 * sizes are divided by the patch, as the original does.
 */
export function planTiledDecode(
  config: WanVaeConfig,
  tile: TileSize,
  height: number,
  width: number,
): TilePlan {
  const { space } = vaeFactors(config);
  const perLatent = space / config.patchSize;
  const result = inPixels({ height, width }, perLatent);
  const resultTile = dividedTile(tile, config.patchSize);
  return planTiles({ height, width }, dividedTile(tile, space), result, resultTile);
}

/**
 * Tiles of pictures [F, height, width, C] for the encoder with `tile: true`; the result is latents. The original cuts the
 * patched picture by sizes meant for pixels, so with patches the tiles are that much larger.
 */
export function planTiledEncode(
  config: WanVaeConfig,
  tile: TileSize,
  height: number,
  width: number,
): TilePlan {
  const p = config.patchSize;
  const perLatent = vaeFactors(config).space / p;
  const source = { height: height / p, width: width / p };
  const result = inLatents(source, perLatent);
  return planTiles(source, tile, result, dividedTile(tile, perLatent), p);
}

/** The size of a picture's latents. */
export function inLatents({ height, width }: ImageSize, space: number): ImageSize {
  return { height: Math.floor(height / space), width: Math.floor(width / space) };
}

/** The size of the picture that latents stand for. */
export function inPixels({ height, width }: ImageSize, space: number): ImageSize {
  return { height: height * space, width: width * space };
}

/** Sizes over a divisor, rounded down. */
export function dividedTile(tile: TileSize, divisor: number): TileSize {
  const of = (size: number) => Math.floor(size / divisor);
  return {
    minHeight: of(tile.minHeight),
    minWidth: of(tile.minWidth),
    strideHeight: of(tile.strideHeight),
    strideWidth: of(tile.strideWidth),
  };
}

/**
 * Tiles of a source and of its result, each in its own units; a tile's result passes into the next over what it is larger
 * than the stride.
 *
 * @param unit units of the plan's tiles in one of the source's
 */
export function planTiles(
  source: ImageSize,
  sourceTile: TileSize,
  result: ImageSize,
  resultTile: TileSize,
  unit = 1,
): TilePlan {
  for (const sizes of [sourceTile, resultTile]) {
    for (const [name, size] of Object.entries(sizes)) {
      if (Number.isInteger(size) && size >= 1) continue;
      throw new TubeletError(
        'BAD_INPUT',
        'vae',
        `tile ${name} must be = at least one latent, got ${size}`,
      );
    }
  }
  const starts = (length: number, stride: number) =>
    Array.from({ length: Math.ceil(length / stride) }, (_, i) => i * stride);
  const rows = starts(source.height, sourceTile.strideHeight);
  const columns = starts(source.width, sourceTile.strideWidth);
  const tiles = rows.flatMap((y) =>
    columns.map((x) => ({
      y: y * unit,
      x: x * unit,
      height: Math.min(sourceTile.minHeight, source.height - y) * unit,
      width: Math.min(sourceTile.minWidth, source.width - x) * unit,
    })),
  );
  return {
    tiles,
    columns: columns.length,
    blendHeight: Math.max(0, resultTile.minHeight - resultTile.strideHeight),
    blendWidth: Math.max(0, resultTile.minWidth - resultTile.strideWidth),
    strideHeight: resultTile.strideHeight,
    strideWidth: resultTile.strideWidth,
    height: result.height,
    width: result.width,
  };
}

/** As {@link planTiles}, but a source that is no larger than one of its tiles is a single tile of its own size. */
export function planTilesOrWhole(
  source: ImageSize,
  sourceTile: TileSize,
  result: ImageSize,
  resultTile: TileSize,
): TilePlan {
  const isSmall = source.height <= sourceTile.minHeight && source.width <= sourceTile.minWidth;
  const whole = ({ height, width }: ImageSize): TileSize => ({
    minHeight: height,
    minWidth: width,
    strideHeight: height,
    strideWidth: width,
  });
  return isSmall
    ? planTiles(source, whole(source), result, whole(result))
    : planTiles(source, sourceTile, result, resultTile);
}

/** A tile's result [frames, height, width, channels]. */
export interface TileResult {
  readonly height: number;
  readonly width: number;
  readonly data: Float32Array;
}

/**
 * Puts the tiles of some frames together. Each tile passes linearly from the one above and then from the one to the
 * left, both as they already are after their own blending: **changes the tiles' data**.
 *
 * @param results in the plan's order, of any number of frames, so that frames can be put together as they come
 * @returns [frames, plan.height, plan.width, channels]
 */
export function blendTiles(
  plan: TilePlan,
  results: readonly TileResult[],
  frames: number,
  channels: number,
): Float32Array {
  const out = new Float32Array(frames * plan.height * plan.width * channels);
  results.forEach((tile, i) => {
    const [row, column] = [Math.floor(i / plan.columns), i % plan.columns];
    if (row > 0)
      blend(results[i - plan.columns], tile, plan.blendHeight, 'height', frames, channels);
    if (column > 0) blend(results[i - 1], tile, plan.blendWidth, 'width', frames, channels);
    const y = row * plan.strideHeight;
    const x = column * plan.strideWidth;
    const rows = Math.min(tile.height, plan.strideHeight, plan.height - y);
    const width = Math.min(tile.width, plan.strideWidth, plan.width - x);
    for (let frame = 0; frame < frames; frame++) {
      for (let r = 0; r < rows; r++) {
        const from = (frame * tile.height + r) * tile.width * channels;
        const to = ((frame * plan.height + y + r) * plan.width + x) * channels;
        out.set(tile.data.subarray(from, from + width * channels), to);
      }
    }
  });
  return out;
}

/** The first rows (or columns) of `tile` pass from the last ones of `before`. */
function blend(
  before: TileResult,
  tile: TileResult,
  most: number,
  axis: 'height' | 'width',
  frames: number,
  channels: number,
): void {
  const extent = Math.min(before[axis], tile[axis], most);
  const across = axis === 'height' ? tile.width : tile.height;
  const at = ({ height, width }: TileResult, frame: number, along: number, other: number) => {
    const [y, x] = axis === 'height' ? [along, other] : [other, along];
    return ((frame * height + y) * width + x) * channels;
  };
  for (let frame = 0; frame < frames; frame++) {
    for (let i = 0; i < extent; i++) {
      const weight = i / extent;
      for (let j = 0; j < across; j++) {
        const from = at(before, frame, before[axis] - extent + i, j);
        const to = at(tile, frame, i, j);
        for (let c = 0; c < channels; c++) {
          tile.data[to + c] = before.data[from + c] * (1 - weight) + tile.data[to + c] * weight;
        }
      }
    }
  }
}

/**
 * Blended patches as pixels in [-1, 1]: the end of a tiled decode.
 *
 * @param data [frames, height, width, outChannels·patch²]
 * @returns [frames, height·patch, width·patch, outChannels]
 */
export function openTiles(
  config: WanVaeConfig,
  data: Float32Array,
  frames: number,
  height: number,
  width: number,
): Float32Array {
  const { patchSize: p, outChannels } = config;
  const out = new Float32Array(data.length);
  let at = 0;
  for (let y = 0; y < frames * height * p; y++) {
    for (let x = 0; x < width * p; x++) {
      const cell = (Math.floor(y / p) * width + Math.floor(x / p)) * outChannels * p * p;
      for (let c = 0; c < outChannels; c++) {
        const value = data[cell + c * p * p + (x % p) * p + (y % p)];
        out[at++] = Math.min(1, Math.max(-1, value));
      }
    }
  }
  return out;
}
