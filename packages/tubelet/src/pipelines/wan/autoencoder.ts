import {
  blendTiles,
  type Chunk,
  cacheEntries,
  framesPerChunk,
  needsTiles,
  openTiles,
  parseWanVaeConfig,
  planTiledDecode,
  planTiledEncode,
  type Tile,
  type TilePlan,
  type TileSize,
  vaeFactors,
  type WanVaeConfig,
  wanVaeCheckpoint,
  wanVaeDecoder,
  wanVaeEncoder,
} from '@tubelet/models';
import {
  type Buffer,
  compile,
  type Device,
  type Precision,
  type RunOptions,
  type RuntimePlan,
  readFloat32,
  upload,
  type Weights,
} from '@tubelet/runtime';
import { joined, type LatentSize } from '../model-calls.js';
import { type ModelFolder, openComponent } from '../model-folder.js';
import { pictureTile } from '../sized-plans.js';

export interface AutoencoderOptions extends RunOptions {
  /** Work in overlapping tiles of this size, where the picture is larger than one: less memory, other values at the seams. */
  readonly tiling?: TileSize;
}

export interface WanAutoencoder {
  readonly config: WanVaeConfig;
  readonly weights: Weights;
  /**
   * Decodes normalised latents [channels, frames, height, width], one latent frame at a time.
   *
   * @returns the frames of each latent frame as they come: [F, H, W, 3] in [-1, 1]
   */
  decode(
    latents: Float32Array,
    size: LatentSize,
    options?: AutoencoderOptions,
  ): AsyncGenerator<Float32Array>;
  /**
   * Encodes a clip of which some frames are given and all others grey, 0.
   *
   * @param pictures by the number of their frame, [height, width, 3] in [-1, 1]
   * @param size in frames and pixels
   * @returns the posterior's mean, normalised: [channels, F, h, w]
   */
  encode(
    pictures: ReadonlyMap<number, Float32Array>,
    size: LatentSize,
    options?: AutoencoderOptions,
  ): Promise<Float32Array>;
}

type Part = 'decoder' | 'encoder';

/** The feature cache of one clip (or tile), handed from chunk to chunk. */
type Caches = Record<string, Buffer>;

export async function loadAutoencoder(
  device: Device,
  folder: ModelFolder,
  precision: Precision,
): Promise<WanAutoencoder> {
  const { config, weights } = await openComponent(
    folder,
    'vae',
    parseWanVaeConfig,
    wanVaeCheckpoint,
  );
  const { space, time } = vaeFactors(config);
  const { latentChannels, latentsMean, latentsStd, patchSize } = config;
  const inChannels = 3;
  const plans = new Map<string, Promise<RuntimePlan>>();

  /** Plans stay: a service decodes the same few sizes again and again. */
  const planFor = (part: Part, chunk: Chunk, tile: Tile, isTile: boolean) => {
    const { height, width } = tile;
    const key = `${part} ${chunk} ${height}x${width} ${isTile}`;
    const known = plans.get(key);
    if (known) return known;
    const build = part === 'decoder' ? wanVaeDecoder : wanVaeEncoder;
    const graph = build(config, { chunk, height, width, tile: isTile });
    const made = compile(device, graph, weights, {}, { precision });
    plans.set(key, made);
    made.catch(() => plans.delete(key));
    return made;
  };

  /** Runs one chunk of one tile; `caches` goes in as the chunk before left it and comes out anew. */
  const runChunk = async (
    part: Part,
    data: Float32Array,
    tile: Tile,
    chunk: Chunk,
    caches: Caches,
    options: AutoencoderOptions,
  ): Promise<Float32Array> => {
    const plan = await planFor(part, chunk, tile, options.tiling !== undefined);
    const [inputName, outputName] = part === 'decoder' ? ['latents', 'frames'] : ['frames', 'mean'];
    const input = await upload(device, data);
    const before = { ...caches };
    const outputs: Caches = {};
    for (const { name, tensor } of plan.graph.outputs) {
      const bytes = tensor.shape.reduce<number>((product, dim) => product * Number(dim), 4);
      outputs[name] = device.allocate(bytes);
      const entry = name.replace('.next', '');
      if (entry !== name) caches[entry] = outputs[name];
    }
    const inputs = { [inputName]: input, ...(chunk === 'first' ? {} : before) };
    try {
      await plan.run({ inputs, outputs }, {}, options);
      return await readFloat32(outputs[outputName]!);
    } finally {
      const kept = new Set(Object.values(caches));
      for (const buffer of [input, ...Object.values(before), ...Object.values(outputs)])
        if (!kept.has(buffer)) buffer.dispose();
    }
  };

  /** Some frames of a clip of which some are given. */
  const framesOf = (
    pictures: ReadonlyMap<number, Float32Array>,
    first: number,
    count: number,
    { width }: LatentSize,
    tile: Tile,
  ) => {
    const size = tile.height * tile.width * inChannels;
    const frames = new Float32Array(count * size);
    for (let i = 0; i < count; i++) {
      const picture = pictures.get(first + i);
      if (picture) frames.set(pictureTile(picture, width, inChannels, tile), i * size);
    }
    return frames;
  };

  const emptyCaches = async (part: Part, tile: Tile, isTile: boolean): Promise<Caches> => {
    const { graph } = await planFor(part, 'steady', tile, isTile);
    return Object.fromEntries(
      cacheEntries(graph).map(({ name, shape }) => [
        name,
        device.allocate(shape.reduce((product, size) => product * size, 4)),
      ]),
    );
  };

  /** One latent frame, not normalised, channels last. */
  const denormalisedFrame = (latents: Float32Array, size: LatentSize, frame: number) => {
    const area = size.height * size.width;
    const out = new Float32Array(area * latentChannels);
    for (let c = 0; c < latentChannels; c++) {
      const [std, mean] = [Math.fround(latentsStd[c]!), Math.fround(latentsMean[c]!)];
      const from = (c * size.frames + frame) * area;
      for (let i = 0; i < area; i++)
        out[i * latentChannels + c] = Math.fround(latents[from + i]! * std) + mean;
    }
    return out;
  };

  const normalised = (mean: Float32Array, area: number) => {
    const out = new Float32Array(mean.length);
    for (let c = 0; c < latentChannels; c++) {
      for (let i = 0; i < area; i++)
        out[c * area + i] = (mean[i * latentChannels + c]! - latentsMean[c]!) / latentsStd[c]!;
    }
    return out;
  };

  return {
    config,
    weights,
    async *decode(latents, size, options = {}) {
      const tiling =
        options.tiling && needsTiles(config, options.tiling, size, 'decode')
          ? options.tiling
          : undefined;
      const cut = tiling && planTiledDecode(config, tiling, size.height, size.width);
      const tiles = cut?.tiles ?? [{ y: 0, x: 0, height: size.height, width: size.width }];
      const clips = await Promise.all(
        tiles.map(async (tile) => ({
          tile,
          caches: await emptyCaches('decoder', tile, cut !== undefined),
        })),
      );
      try {
        for (let frame = 0; frame < size.frames; frame++) {
          const whole = denormalisedFrame(latents, size, frame);
          const chunk = frame === 0 ? 'first' : 'steady';
          const results: Float32Array[] = [];
          for (const { tile, caches } of clips) {
            const part = cut ? pictureTile(whole, size.width, latentChannels, tile) : whole;
            const given = { ...options, tiling };
            results.push(await runChunk('decoder', part, tile, chunk, caches, given));
          }
          const frames = chunk === 'first' ? 1 : time;
          yield cut ? joinedTiles(config, cut, results, frames, space / patchSize) : results[0]!;
        }
      } finally {
        for (const { caches } of clips)
          for (const buffer of Object.values(caches)) buffer.dispose();
      }
    },
    async encode(pictures, size, options = {}) {
      const { frames: total, height, width } = size;
      const latentSize = { height: height / space, width: width / space };
      const tiling =
        options.tiling && needsTiles(config, options.tiling, latentSize, 'encode')
          ? options.tiling
          : undefined;
      const cut = tiling && planTiledEncode(config, tiling, height, width);
      const tiles = cut?.tiles ?? [{ y: 0, x: 0, height, width }];
      const given = { ...options, tiling };
      const results: { height: number; width: number; data: Float32Array }[] = [];
      for (const tile of tiles) {
        const caches = total > 1 ? await emptyCaches('encoder', tile, cut !== undefined) : {};
        const chunks: Float32Array[] = [];
        try {
          for (let first = 0; first < total; first += first === 0 ? 1 : framesPerChunk) {
            const [chunk, count] =
              first === 0 ? (['first', 1] as const) : (['steady', framesPerChunk] as const);
            const frames = framesOf(pictures, first, count, size, tile);
            chunks.push(await runChunk('encoder', frames, tile, chunk, caches, given));
          }
        } finally {
          for (const buffer of Object.values(caches)) buffer.dispose();
        }
        const [h, w] = [tile.height / space, tile.width / space];
        results.push({ height: h, width: w, data: joined(chunks) });
      }
      const latentFrames = 1 + (total - 1) / time;
      const mean = cut ? blendTiles(cut, results, latentFrames, latentChannels) : results[0]!.data;
      return normalised(mean, latentFrames * latentSize.height * latentSize.width);
    },
  };
}

/** @param perLatent patches along each side of a latent */
function joinedTiles(
  config: WanVaeConfig,
  cut: TilePlan,
  results: readonly Float32Array[],
  frames: number,
  perLatent: number,
): Float32Array {
  const channels = config.outChannels * config.patchSize ** 2;
  const parts = cut.tiles.map(({ height, width }, i) => ({
    height: height * perLatent,
    width: width * perLatent,
    data: results[i]!,
  }));
  const blended = blendTiles(cut, parts, frames, channels);
  return openTiles(config, blended, frames, cut.height, cut.width);
}
