import {
  blendTiles,
  type ImageSize,
  type KlVaeConfig,
  klVaeCheckpoint,
  klVaeDecoder,
  klVaeFactor,
  parseKlVaeConfig,
  planKlVaeDecode,
} from '@tubelet/models';
import { type Device, type Precision, readFloat32, upload, type Weights } from '@tubelet/runtime';
import type { LatentSize } from './model-calls.js';
import { type ModelFolder, openComponent } from './model-folder.js';
import type { DecodeOptions } from './pipeline.js';
import { disposeAll, latentTile, runSized, sizedPlans, tilesOf } from './sized-plans.js';

/** The decoder of an AutoencoderKL, picture by picture. */
export interface KlAutoencoder {
  readonly config: KlVaeConfig;
  readonly weights: Weights;
  /** Pixels along each side of one latent. */
  readonly space: number;
  /**
   * @param latents [channels, frames, height, width], normalised
   * @returns each frame, [1, H, W, channels], about [-1, 1]
   */
  decode(
    latents: Float32Array,
    size: LatentSize,
    options: DecodeOptions,
  ): AsyncGenerator<Float32Array>;
}

/** Pixels along each side of one latent of the folder's autoencoder. */
export async function readVaeFactor(folder: ModelFolder): Promise<number> {
  return klVaeFactor(parseKlVaeConfig(await folder.json('vae', 'config.json')));
}

export async function loadKlAutoencoder(
  device: Device,
  folder: ModelFolder,
  precision: Precision,
): Promise<KlAutoencoder> {
  const { config, weights } = await openComponent(folder, 'vae', parseKlVaeConfig, klVaeCheckpoint);
  const { outChannels, scalingFactor, shiftFactor } = config;
  const space = klVaeFactor(config);
  const build = (size: ImageSize) => klVaeDecoder(config, size);
  const planFor = sizedPlans(device, weights, build, { precision });
  const denormalised = (value: number) => Math.fround(value / scalingFactor) + shiftFactor;

  return {
    config,
    weights,
    space,
    async *decode(latents, size, { tiling, signal }) {
      const { height, width } = size;
      const isTiled = tiling && Math.max(height, width) > Math.trunc(config.sampleSize / space);
      const cut = isTiled ? planKlVaeDecode(config, height, width) : undefined;
      for (let frame = 0; frame < size.frames; frame++) {
        const results = [];
        for (const tile of tilesOf(cut, height, width)) {
          const plan = await planFor({ height: tile.height, width: tile.width });
          const part = latentTile(latents, size, tile, frame, 1, denormalised);
          const input = await upload(device, part);
          try {
            const outputs = await runSized(device, plan, { latents: input }, { signal });
            const data = await readFloat32(outputs.pictures!).finally(() => disposeAll(outputs));
            results.push({ height: tile.height * space, width: tile.width * space, data });
          } finally {
            input.dispose();
          }
        }
        yield cut ? blendTiles(cut, results, 1, outChannels) : results[0]!.data;
      }
    },
  };
}
