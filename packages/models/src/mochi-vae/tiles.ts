import {
  defaultTileSize,
  dividedTile,
  inLatents,
  inPixels,
  planTilesOrWhole,
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
  const source = { height, width };
  return planTilesOrWhole(source, dividedTile(tile, space), inPixels(source, space), tile);
}

/** Tiles of pictures [F, height, width, C] for the encoder with `tile: true`; pictures small enough are one tile. */
export function planMochiEncode(
  config: MochiVaeConfig,
  height: number,
  width: number,
  tile: TileSize = defaultTileSize,
): TilePlan {
  const { space } = mochiVaeFactors(config);
  const source = { height, width };
  return planTilesOrWhole(source, tile, inLatents(source, space), dividedTile(tile, space));
}
