import {
  type MochiVaeConfig,
  mochiVaeCheckpoint,
  mochiVaeDecoder,
  mochiVaeFactors,
  parseMochiVaeConfig,
  planMochiDecode,
} from '@tubelet/models';
import type { Device, Precision, Weights } from '@tubelet/runtime';
import { type DecoderChunk, decodeChunks } from '../chunked-decoder.js';
import type { LatentSize } from '../model-calls.js';
import { type ModelFolder, openComponent } from '../model-folder.js';
import type { DecodeOptions } from '../pipeline.js';
import { sizedPlans } from '../sized-plans.js';

/** The decoder of an AutoencoderKLMochi. */
export interface MochiAutoencoder {
  readonly config: MochiVaeConfig;
  readonly weights: Weights;
  /**
   * @param latents [channels, frames, height, width], normalised
   * @returns the frames of each latent frame, in tiles all at once: [F, H, W, channels], about [-1, 1]
   */
  decode(
    latents: Float32Array,
    size: LatentSize,
    options: DecodeOptions,
  ): AsyncGenerator<Float32Array>;
}

export async function loadMochiAutoencoder(
  device: Device,
  folder: ModelFolder,
  precision: Precision,
): Promise<MochiAutoencoder> {
  const { config, weights } = await openComponent(
    folder,
    'vae',
    parseMochiVaeConfig,
    mochiVaeCheckpoint,
  );
  const { latentsMean, latentsStd, scalingFactor } = config;
  const { space } = mochiVaeFactors(config);
  const build = (size: DecoderChunk) => mochiVaeDecoder(config, size);
  const decoder = {
    device,
    planFor: sizedPlans(device, weights, build, { precision }),
    chunks: (frames: number) => Array<number>(frames).fill(1),
    scale: (value: number, channel: number) =>
      (value * latentsStd[channel]!) / scalingFactor + latentsMean[channel]!,
  };
  return {
    config,
    weights,
    decode(latents, size, options) {
      const tiles = options.tiling ? planMochiDecode(config, size.height, size.width) : undefined;
      const cut = tiles && tiles.tiles.length > 1 ? tiles : undefined;
      return decodeChunks(decoder, latents, size, cut, space, options);
    },
  };
}
