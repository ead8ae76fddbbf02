import {
  blendSpan,
  blendTiles,
  type HunyuanVaeConfig,
  type HunyuanVaeSize,
  hunyuanVaeCheckpoint,
  hunyuanVaeDecoder,
  hunyuanVaeEncoder,
  parseHunyuanVaeConfig,
  planHunyuanDecode,
  planHunyuanEncode,
} from '@tubelet/models';
import { type Device, type Precision, readFloat32, upload, type Weights } from '@tubelet/runtime';
import type { LatentSize } from '../model-calls.js';
import { type ModelFolder, openComponent } from '../model-folder.js';
import type { DecodeOptions } from '../pipeline.js';
import {
  disposeAll,
  latentTile,
  pictureTile,
  runSized,
  sizedPlans,
  tilesOf,
} from '../sized-plans.js';

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
  /**
   * @param pixels [height, width, 3] in [-1, 1]
   * @returns the posterior's mean, scaled: [channels, 1, h, w]
   */
  encodeImage(
    pixels: Float32Array,
    height: number,
    width: number,
    options: Partial<Pick<DecodeOptions, 'tiling' | 'signal'>>,
  ): Promise<Float32Array>;
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
  const { scalingFactor, outChannels, latentChannels } = config;
  const build = (size: HunyuanVaeSize) => hunyuanVaeDecoder(config, size);
  const planFor = sizedPlans(device, weights, build, { precision });
  const encoderFor = sizedPlans(
    device,
    weights,
    (size: HunyuanVaeSize) => hunyuanVaeEncoder(config, size),
    { precision },
  );
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
    async encodeImage(pixels, height, width, { tiling, signal }) {
      const picture = { frames: 1, height, width };
      const cut = tiling ? planHunyuanEncode(config, picture).space : undefined;
      const results = [];
      for (const tile of tilesOf(cut, height, width)) {
        const size = { frames: 1, height: tile.height, width: tile.width };
        const plan = await encoderFor({ ...size, tile: cut !== undefined });
        const input = await upload(device, pictureTile(pixels, width, 3, tile));
        try {
          const outputs = await runSized(device, plan, { pictures: input }, { signal });
          const data = await readFloat32(outputs.mean!).finally(() => disposeAll(outputs));
          const [, h, w] = plan.graph.outputs[0]!.tensor.shape.map(Number);
          results.push({ height: h!, width: w!, data });
        } finally {
          input.dispose();
        }
      }
      const mean = cut ? blendTiles(cut, results, 1, latentChannels) : results[0]!.data;
      const places = mean.length / latentChannels;
      return mean.map((_, i) => {
        const [channel, place] = [Math.floor(i / places), i % places];
        return mean[place * latentChannels + channel]! * scalingFactor;
      });
    },
  };
}
