import { inLatents, inPixels, planTiles, type TilePlan, type TileSize } from '../vae/tiles.js';
import { type KlVaeConfig, klVaeFactor } from './config.js';

/** Tiles of diffusers' AutoencoderKL: a quarter of a tile passes into the next. */
const overlap = 0.25;

/** @param sampleSize side of a tile in pixels; default the config's */
function tilesOf(config: KlVaeConfig, sampleSize: number) {
  const sizes = (side: number, blendSide: number) => {
    const blend = Math.trunc(blendSide * overlap);
    return {
      source: square(side, Math.trunc(side * (1 - overlap))),
      result: square(side, side - blend),
    };
  };
  const latentSize = Math.trunc(sampleSize / klVaeFactor(config));
  return { pixels: sizes(sampleSize, sampleSize), latents: sizes(latentSize, latentSize) };
}

function square(side: number, stride: number): TileSize {
  return { minHeight: side, minWidth: side, strideHeight: stride, strideWidth: stride };
}

/** Tiles of latents [N, height, width, z]; the result is pictures. */
export function planKlVaeDecode(
  config: KlVaeConfig,
  height: number,
  width: number,
  sampleSize = config.sampleSize,
): TilePlan {
  const { pixels, latents } = tilesOf(config, sampleSize);
  const factor = klVaeFactor(config);
  const source = { height, width };
  return planTiles(source, latents.source, inPixels(source, factor), pixels.result);
}

/** Tiles of pictures [N, height, width, C] for the encoder with `tile: true`; the result is latents. */
export function planKlVaeEncode(
  config: KlVaeConfig,
  height: number,
  width: number,
  sampleSize = config.sampleSize,
): TilePlan {
  const { pixels, latents } = tilesOf(config, sampleSize);
  const factor = klVaeFactor(config);
  const source = { height, width };
  return planTiles(source, pixels.source, inLatents(source, factor), latents.result);
}
