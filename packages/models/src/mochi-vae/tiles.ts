import {
  defaultTileSize,
  planTilesOrWhole,
  scaledTile,
  type TilePlan,
  type TileSize,
} from '../vae/tiles.js';
import { type MochiVaeConfig, mochiVaeFactors } from './config.js';

/** Tiles of latents [F, height, width, z], each with a cache of its own; latents small enough are one tile. */
export function planMochiDecode(
  config: MochiVaeConfig,
  height: number,
  width: number,
  tile: TileSize = defaultTileSize,
): TilePlan {
  const { space } = mochiVaeFactors(config);
  const result = { height: height * space, width: width * space };
  return planTilesOrWhole({ height, width }, scaledTile(tile, 1 / space), result, tile);
}

/** Tiles of pictures [F, height, width, C] for the encoder with `tile: true`; pictures small enough are one tile. */
export function planMochiEncode(
  config: MochiVaeConfig,
  height: number,
  width: number,
  tile: TileSize = defaultTileSize,
): TilePlan {
  const { space } = mochiVaeFactors(config);
  const result = { height: Math.floor(height / space), width: Math.floor(width / space) };
  return planTilesOrWhole({ height, width }, tile, result, scaledTile(tile, 1 / space));
}
