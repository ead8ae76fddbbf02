import type { ImageSize } from '../packing.js';
import {
  dividedTile,
  inLatents,
  inPixels,
  planTiles,
  type TilePlan,
  type TileSize,
} from '../vae/tiles.js';
import type { LtxVaeConfig } from './config.js';

/** diffusers' default tiles, in pixels. */
const defaultTile: TileSize = {
  minHeight: 512,
  minWidth: 512,
  strideHeight: 448,
  strideWidth: 448,
};

/** Whether pictures or latents are larger than one tile: with tiling on the original cuts them then. */
export function needsLtxTiles(
  config: LtxVaeConfig,
  { height, width }: ImageSize,
  direction: 'encode' | 'decode',
  tile = defaultTile,
): boolean {
  const { minHeight, minWidth } = direction === 'encode' ? tile : dividedTile(tile, config.space);
  return height > minHeight || width > minWidth;
}

/** Tiles of latents [F, height, width, z]; the result is pictures. */
export function planLtxDecode(
  config: LtxVaeConfig,
  height: number,
  width: number,
  tile = defaultTile,
): TilePlan {
  const { space } = config;
  const source = { height, width };
  return planTiles(source, dividedTile(tile, space), inPixels(source, space), tile);
}

/** Tiles of pictures [F, height, width, C] for the encoder with `tile: true`; the result is latents. */
export function planLtxEncode(
  config: LtxVaeConfig,
  height: number,
  width: number,
  tile = defaultTile,
): TilePlan {
  const { space } = config;
  const source = { height, width };
  return planTiles(source, tile, inLatents(source, space), dividedTile(tile, space));
}
