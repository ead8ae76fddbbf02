import { planTiles, type TilePlan, type TileSize } from '../vae/tiles.js';
import type { LtxVaeConfig } from './config.js';

/** diffusers' default tiles, in pixels. */
const defaultTile: TileSize = {
  minHeight: 512,
  minWidth: 512,
  strideHeight: 448,
  strideWidth: 448,
};

function inLatents(tile: TileSize, { space }: LtxVaeConfig): TileSize {
  const of = (pixels: number) => Math.floor(pixels / space);
  return {
    minHeight: of(tile.minHeight),
    minWidth: of(tile.minWidth),
    strideHeight: of(tile.strideHeight),
    strideWidth: of(tile.strideWidth),
  };
}

/** Whether pictures or latents are larger than one tile: with tiling on the original cuts them then. */
export function needsLtxTiles(
  config: LtxVaeConfig,
  { height, width }: { readonly height: number; readonly width: number },
  direction: 'encode' | 'decode',
  tile = defaultTile,
): boolean {
  const { minHeight, minWidth } = direction === 'encode' ? tile : inLatents(tile, config);
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
  const latents = inLatents(tile, config);
  return planTiles(latents, height, width, tile, height * space, width * space, 1);
}

/** Tiles of pictures [F, height, width, C] for the encoder with `tile: true`; the result is latents. */
export function planLtxEncode(
  config: LtxVaeConfig,
  height: number,
  width: number,
  tile = defaultTile,
): TilePlan {
  const { space } = config;
  const [h, w] = [Math.floor(height / space), Math.floor(width / space)];
  return planTiles(tile, height, width, inLatents(tile, config), h, w, 1);
}
