import {
  blendTiles,
  type CogvideoxVaeConfig,
  type CogvideoxVaeSize,
  cogvideoxVaeCheckpoint,
  cogvideoxVaeChunks,
  cogvideoxVaeDecoder,
  cogvideoxVaeFactors,
  needsCogvideoxTiles,
  parseCogvideoxVaeConfig,
  planCogvideoxDecode,
  type Tile,
} from '@tubelet/models';
import {
  type Buffer,
  type Device,
  openWeights,
  type Precision,
  readFloat32,
  upload,
  type Weights,
} from '@tubelet/runtime';
import { joined, type LatentSize } from '../model-calls.js';
import { type ModelFolder, requireCheckpoint } from '../model-folder.js';
import type { DecodeOptions } from '../pipeline.js';
import { disposeAll, latentTile, runSized, sizedPlans, tilesOf } from '../sized-plans.js';

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
  const { scalingFactor, outChannels } = config;
  const { space } = cogvideoxVaeFactors(config);
  const build = (size: CogvideoxVaeSize) => cogvideoxVaeDecoder(config, size);
  const planFor = sizedPlans(device, weights, build, { precision });
  const factor = 1 / scalingFactor;

  /** Chunk by chunk, each handing its last frames on to the next. */
  async function* decodeTile(
    latents: Float32Array,
    size: LatentSize,
    tile: Tile,
    { signal }: DecodeOptions,
  ): AsyncGenerator<Float32Array> {
    let caches: Readonly<Record<string, Buffer>> = {};
    let first = 0;
    try {
      for (const frames of cogvideoxVaeChunks(size.frames, 'decode')) {
        const chunk = first === 0 ? 'first' : 'steady';
        const { height, width } = tile;
        const plan = await planFor({ chunk, frames, height, width });
        const part = latentTile(latents, size, tile, first, frames, (value) => factor * value);
        const input = await upload(device, part);
        try {
          const { frames: pictures, ...next } = await runSized(
            device,
            plan,
            { latents: input, ...caches },
            { signal },
          );
          disposeAll(caches);
          caches = Object.fromEntries(
            Object.entries(next).map(([name, buffer]) => [name.replace('.next', ''), buffer]),
          );
          yield await readFloat32(pictures!).finally(() => pictures!.dispose());
        } finally {
          input.dispose();
        }
        first += frames;
      }
    } finally {
      disposeAll(caches);
    }
  }

  return {
    config,
    weights,
    async *decode(latents, size, options) {
      const { height, width } = size;
      if (!options.tiling || !needsCogvideoxTiles(config, size, 'decode')) {
        const [whole] = tilesOf(undefined, height, width);
        yield* decodeTile(latents, size, whole!, options);
        return;
      }
      const cut = planCogvideoxDecode(config, height, width);
      const results = [];
      for (const tile of cut.tiles) {
        const chunks: Float32Array[] = [];
        for await (const frames of decodeTile(latents, size, tile, options)) chunks.push(frames);
        const sides = { height: tile.height * space, width: tile.width * space };
        results.push({ ...sides, data: joined(chunks) });
      }
      const { height: h, width: w, data } = results[0]!;
      yield blendTiles(cut, results, data.length / (h * w * outChannels), outChannels);
    },
  };
}
