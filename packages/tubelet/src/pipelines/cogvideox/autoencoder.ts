import {
  type CogvideoxVaeConfig,
  cogvideoxVaeCheckpoint,
  cogvideoxVaeChunks,
  cogvideoxVaeDecoder,
  cogvideoxVaeFactors,
  needsCogvideoxTiles,
  parseCogvideoxVaeConfig,
  planCogvideoxDecode,
} from '@tubelet/models';
import { type Device, openWeights, type Precision, type Weights } from '@tubelet/runtime';
import { type DecoderChunk, decodeChunks } from '../chunked-decoder.js';
import type { LatentSize } from '../model-calls.js';
import { type ModelFolder, requireCheckpoint } from '../model-folder.js';
import type { DecodeOptions } from '../pipeline.js';
import { sizedPlans } from '../sized-plans.js';

/** The decoder of an AutoencoderKLCogVideoX. */
export interface CogvideoxAutoencoder {
  readonly config: CogvideoxVaeConfig;
  readonly weights: Weights;
  /**
   * @param latents [channels, frames, height, width], normalised
   * @returns the frames of each chunk, in tiles all at once: [F, H, W, channels], about [-1, 1]
   */
  decode(
    latents: Float32Array,
    size: LatentSize,
    options: DecodeOptions,
  ): AsyncGenerator<Float32Array>;
}

export async function loadCogvideoxAutoencoder(
  device: Device,
  folder: ModelFolder,
  precision: Precision,
): Promise<CogvideoxAutoencoder> {
  const [config, weights] = await Promise.all([
    folder.json('vae', 'config.json').then(parseCogvideoxVaeConfig),
    openWeights(folder.path('vae')),
  ]);
  requireCheckpoint(cogvideoxVaeCheckpoint(config), weights);
  const { space } = cogvideoxVaeFactors(config);
  const build = (size: DecoderChunk) => cogvideoxVaeDecoder(config, size);
  const factor = 1 / config.scalingFactor;
  const decoder = {
    device,
    planFor: sizedPlans(device, weights, build, { precision }),
    chunks: (frames: number) => cogvideoxVaeChunks(frames, 'decode'),
    scale: (value: number) => factor * value,
  };
  return {
    config,
    weights,
    decode(latents, size, options) {
      const isTiled = options.tiling && needsCogvideoxTiles(config, size, 'decode');
      const cut = isTiled ? planCogvideoxDecode(config, size.height, size.width) : undefined;
      return decodeChunks(decoder, latents, size, cut, space, options);
    },
  };
}
