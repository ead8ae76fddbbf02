import {
  type CogvideoxVaeConfig,
  cogvideoxVaeCheckpoint,
  cogvideoxVaeChunks,
  cogvideoxVaeDecoder,
  cogvideoxVaeEncoder,
  cogvideoxVaeFactors,
  needsCogvideoxTiles,
  parseCogvideoxVaeConfig,
  planCogvideoxDecode,
} from '@tubelet/models';
import type { Device, Precision, RunOptions, Weights } from '@tubelet/runtime';
import { type DecoderChunk, decodeChunks } from '../chunked-decoder.js';
import type { LatentMath } from '../latents.js';
import type { LatentSize } from '../model-calls.js';
import { type ModelFolder, openComponent } from '../model-folder.js';
import type { DecodeOptions } from '../pipeline.js';
import { encodePosterior } from '../posterior.js';
import { sizedPlans } from '../sized-plans.js';

/** An AutoencoderKLCogVideoX. */
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
  /**
   * @param pixels [height, width, 3] in [-1, 1]
   * @returns a sample of the posterior, scaled as the transformer was trained: [channels, 1, h, w]
   */
  encodeImage(
    pixels: Float32Array,
    height: number,
    width: number,
    options: RunOptions & { readonly seed: number },
  ): Promise<Float32Array>;
}

export async function loadCogvideoxAutoencoder(
  device: Device,
  math: LatentMath,
  folder: ModelFolder,
  precision: Precision,
): Promise<CogvideoxAutoencoder> {
  const { config, weights } = await openComponent(
    folder,
    'vae',
    parseCogvideoxVaeConfig,
    cogvideoxVaeCheckpoint,
  );
  const { space } = cogvideoxVaeFactors(config);
  const build = (size: DecoderChunk) => cogvideoxVaeDecoder(config, size);
  const encoderFor = sizedPlans(
    device,
    weights,
    (size: { readonly height: number; readonly width: number }) =>
      cogvideoxVaeEncoder(config, { chunk: 'first', frames: 1, ...size }),
    { precision },
  );
  const { latentChannels, scalingFactor, invertScale } = config;
  const factor = 1 / scalingFactor;
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
    async encodeImage(pixels, height, width, options) {
      const plan = await encoderFor({ height, width });
      const encoder = { device, math, plan, channels: latentChannels };
      const sample = await encodePosterior(encoder, pixels, options);
      const scale = invertScale ? factor : scalingFactor;
      return sample.map((value) => scale * value);
    },
  };
}
