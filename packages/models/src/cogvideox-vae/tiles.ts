import type { ImageSize } from '../packing.js';
import { inLatents, inPixels, planTiles, type TilePlan, type TileSize } from '../vae/tiles.js';
import { type CogvideoxVaeConfig, cogvideoxVaeFactors } from './config.js';

/** Of a tile, what passes into the next. */
const overlap = { height: 1 / 6, width: 1 / 5 };

function defaultTile({ sampleHeight, sampleWidth }: CogvideoxVaeConfig): ImageSize {
  return { height: Math.floor(sampleHeight / 2), width: Math.floor(sampleWidth / 2) };
}

/** Whether pictures or latents are larger than one tile: with tiling on the original cuts them then. */
export function needsCogvideoxTiles(
  config: CogvideoxVaeConfig,
  { height, width }: ImageSize,
  direction: 'encode' | 'decode',
  tile = defaultTile(config),
): boolean {
  const most = direction === 'encode' ? tile : inLatents(tile, cogvideoxVaeFactors(config).space);
  return height > most.height || width > most.width;
}

/** Tiles of the source begin so that a sixth of the height and a fifth of the width are in two of them. */
function sourceTiles({ height, width }: ImageSize): TileSize {
  return {
    minHeight: height,
    minWidth: width,
    strideHeight: Math.trunc(height * (1 - overlap.height)),
    strideWidth: Math.trunc(width * (1 - overlap.width)),
  };
}

function resultTiles({ height, width }: ImageSize): TileSize {
  return {
    minHeight: height,
    minWidth: width,
    strideHeight: height - Math.trunc(height * overlap.height),
    strideWidth: width - Math.trunc(width * overlap.width),
  };
}

/**
 * Tiles of latents [F, height, width, z]; the result is pictures. Every tile is a clip of its own, with its own cache.
 *
 * @param tile in pixels; default half of the size it was trained on
 */
export function planCogvideoxDecode(
  config: CogvideoxVaeConfig,
  height: number,
  width: number,
  tile = defaultTile(config),
): TilePlan {
  const { space } = cogvideoxVaeFactors(config);
  const source = { height, width };
  const sourceTile = sourceTiles(inLatents(tile, space));
  return planTiles(source, sourceTile, inPixels(source, space), resultTiles(tile));
}

/** Tiles of pictures [F, height, width, C] for the encoder with `tile: true`; the result is latents. */
export function planCogvideoxEncode(
  config: CogvideoxVaeConfig,
  height: number,
  width: number,
  tile = defaultTile(config),
): TilePlan {
  const { space } = cogvideoxVaeFactors(config);
  const source = { height, width };
  const resultTile = resultTiles(inLatents(tile, space));
  return planTiles(source, sourceTiles(tile), inLatents(source, space), resultTile);
}
