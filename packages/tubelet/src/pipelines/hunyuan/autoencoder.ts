import {
  blendSpan,
  blendTiles,
  type HunyuanVaeConfig,
  type HunyuanVaeSize,
  hunyuanVaeCheckpoint,
  hunyuanVaeDecoder,
  parseHunyuanVaeConfig,
  planHunyuanDecode,
} from '@tubelet/models';
import { type Device, type Precision, readFloat32, upload, type Weights } from '@tubelet/runtime';
import type { LatentSize } from '../model-calls.js';
import { type ModelFolder, openComponent } from '../model-folder.js';
import type { DecodeOptions } from '../pipeline.js';
import { disposeAll, latentTile, runSized, sizedPlans, tilesOf } from '../sized-plans.js';

/** The decoder of an AutoencoderKLHunyuanVideo. */
export interface HunyuanAutoencoder {
  readonly config: HunyuanVaeConfig;
  readonly weights: Weights;
  /**
   * @param latents [channels, frames, height, width], normalised
   * @returns all frames at once, in tiles span by span: [F, H, W, channels], about [-1, 1]
   */
  decode(
    latents: Float32Array,
    size: LatentSize,
    options: DecodeOptions,
  ): AsyncGenerator<Float32Array>;
}

export async function loadHunyuanAutoencoder(
  device: Device,
  folder: ModelFolder,
  precision: Precision,
): Promise<HunyuanAutoencoder> {
  const { config, weights } = await openComponent(
    folder,
    'vae',
    parseHunyuanVaeConfig,
    hunyuanVaeCheckpoint,
  );
  const { scalingFactor, outChannels } = config;
  const build = (size: HunyuanVaeSize) => hunyuanVaeDecoder(config, size);
  const planFor = sizedPlans(device, weights, build, { precision });
  const denormalised = (value: number) => value / scalingFactor;

  return {
    config,
    weights,
    async *decode(latents, size, { tiling, signal }) {
      const { height, width } = size;
      const cut = tiling ? planHunyuanDecode(config, size) : undefined;
      const spans = cut?.time.spans ?? [{ start: 0, frames: size.frames }];
      let before: Float32Array | undefined;
      for (const [index, { start, frames }] of spans.entries()) {
        const results = [];
        for (const tile of tilesOf(cut?.space, height, width)) {
          const plan = await planFor({ frames, height: tile.height, width: tile.width });
          const part = latentTile(latents, size, tile, start, frames, denormalised);
          const input = await upload(device, part);
          try {
            const { pictures } = await runSized(device, plan, { latents: input }, { signal });
            const [, h, w] = plan.graph.outputs[0]!.tensor.shape.map(Number);
            const data = await readFloat32(pictures!).finally(() => pictures!.dispose());
            results.push({ height: h!, width: w!, data });
          } finally {
            disposeAll({ input });
          }
        }
        if (!cut) {
          yield results[0]!.data;
          continue;
        }
        const perFrame = cut.space.height * cut.space.width * outChannels;
        const count =
          results[0]!.data.length / (results[0]!.height * results[0]!.width * outChannels);
        const span = blendTiles(cut.space, results, count, outChannels);
        yield blendSpan(cut.time, index, span, before, perFrame);
        before = span;
      }
    },
  };
}
