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
import {
  compile,
  type Device,
  openWeights,
  type Precision,
  type RuntimePlan,
  readFloat32,
  upload,
  type Weights,
} from '@tubelet/runtime';
import type { LatentSize } from './model-calls.js';
import { type ModelFolder, requireCheckpoint } from './model-folder.js';
import type { DecodeOptions } from './pipeline.js';

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
  const [config, weights] = await Promise.all([
    folder.json('vae', 'config.json').then(parseKlVaeConfig),
    openWeights(folder.path('vae')),
  ]);
  requireCheckpoint(klVaeCheckpoint(config), weights);
  const { latentChannels: z, outChannels, scalingFactor, shiftFactor } = config;
  const space = klVaeFactor(config);
  const plans = new Map<string, Promise<RuntimePlan>>();

  /** Plans stay: a service decodes the same few sizes again and again. */
  const planFor = ({ height, width }: ImageSize) => {
    const key = `${height}x${width}`;
    const known = plans.get(key);
    if (known) return known;
    const graph = klVaeDecoder(config, { height, width });
    const made = compile(device, graph, weights, {}, { precision });
    plans.set(key, made);
    made.catch(() => plans.delete(key));
    return made;
  };

  const decodePicture = async (
    latents: Float32Array,
    size: ImageSize,
    { signal }: DecodeOptions,
  ): Promise<Float32Array> => {
    const plan = await planFor(size);
    const input = await upload(device, latents);
    const pictures = device.allocate(size.height * size.width * space * space * outChannels * 4);
    try {
      await plan.run({ inputs: { latents: input }, outputs: { pictures } }, {}, { signal });
      return await readFloat32(pictures);
    } finally {
      input.dispose();
      pictures.dispose();
    }
  };

  const decodeTiles = async (latents: Float32Array, size: ImageSize, options: DecodeOptions) => {
    const cut = planKlVaeDecode(config, size.height, size.width);
    const results = [];
    for (const tile of cut.tiles) {
      const part = new Float32Array(tile.height * tile.width * z);
      for (let y = 0; y < tile.height; y++) {
        const from = ((tile.y + y) * size.width + tile.x) * z;
        part.set(latents.subarray(from, from + tile.width * z), y * tile.width * z);
      }
      const data = await decodePicture(part, tile, options);
      results.push({ height: tile.height * space, width: tile.width * space, data });
    }
    return blendTiles(cut, results, 1, outChannels);
  };

  /** One frame, no longer scaled, channels last. */
  const frameOf = (latents: Float32Array, { frames, height, width }: LatentSize, frame: number) => {
    const area = height * width;
    const out = new Float32Array(area * z);
    for (let c = 0; c < z; c++) {
      const from = (c * frames + frame) * area;
      for (let i = 0; i < area; i++)
        out[i * z + c] = Math.fround(latents[from + i]! / scalingFactor) + shiftFactor;
    }
    return out;
  };

  return {
    config,
    weights,
    space,
    async *decode(latents, size, options) {
      const side = Math.trunc(config.sampleSize / space);
      const tiled = options.tiling && Math.max(size.height, size.width) > side;
      for (let frame = 0; frame < size.frames; frame++) {
        const picture = frameOf(latents, size, frame);
        yield tiled
          ? await decodeTiles(picture, size, options)
          : await decodePicture(picture, size, options);
      }
    },
  };
}
