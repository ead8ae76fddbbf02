import {
  blendTiles,
  cacheEntries,
  framesPerChunk,
  needsTiles,
  openTiles,
  parseWanVaeConfig,
  planTiledDecode,
  planTiledEncode,
  type TilePlan,
  type TileSize,
  vaeFactors,
  type WanVaeConfig,
  wanVaeDecoder,
  wanVaeEncoder,
} from '@tubelet/models';
import { joined } from '../joined.js';
import type { RunGraph } from '../run-graph.js';
import type { FixtureTensor } from '../safetensors-fixture.js';
import { type Closeness, type Comparison, compare, worstOf } from './closeness.js';
import { channelsLast, type ModelCase, readModelCase, sampleOf } from './model-case.js';
import { onAddon } from './on-addon.js';

type Chunks = readonly ReadonlyMap<string, ArrayLike<number>>[];

interface Vae {
  readonly golden: ModelCase;
  readonly config: WanVaeConfig;
  readonly run: RunGraph;
}

/** Runs a case of goldens/wan-vae: every clip encoded and decoded, in tiles where the golden has them, and every entry of the cache. */
export async function checkWanVaeCase(
  directory: string,
  run: RunGraph = onAddon,
): Promise<Closeness> {
  const golden = await readModelCase(directory);
  const config = parseWanVaeConfig(golden.config);
  const vae: Vae = { golden, config, run };
  const comparisons: Comparison[] = [];
  for (const [name, batch] of golden.io) {
    const [, kind, clip] = /^input\.(video|latents)\.(.+)$/.exec(name) ?? [];
    if (!kind || !clip) continue;
    for (let i = 0; i < batch.shape[0]; i++) {
      const sample = channelsLast(sampleOf(batch, i));
      const check = kind === 'video' ? checkEncode : checkDecode;
      comparisons.push(...(await check(vae, clip, i, sample)));
    }
  }
  return worstOf(comparisons);
}

async function checkEncode(
  vae: Vae,
  clip: string,
  index: number,
  frames: FixtureTensor,
): Promise<Comparison[]> {
  const { golden, config } = vae;
  const [, height, width] = frames.shape as [number, number, number];
  const tile = clip === 'tiled' ? tileSize(golden) : undefined;
  const isTiled = tile !== undefined && needsTiles(config, tile, { height, width }, 'encode');
  const { mean, logvar, chunks } = isTiled
    ? await encodeTiles(vae, frames, planTiledEncode(config, tile, height, width))
    : await encodeWhole(vae, frames);
  const expect = (name: string, got: ArrayLike<number>) =>
    compareSample(golden, `output.${name}.${clip}`, index, got);
  const { latentsMean, latentsStd, latentChannels } = config;
  const normalized = mean.map(
    (value, i) => (value - latentsMean[i % latentChannels]) / latentsStd[i % latentChannels],
  );
  return [
    ...expect('mean', mean),
    ...expect('logvar', logvar),
    ...expect('normalized', normalized),
    ...compareCaches(golden, `mid.encode${clip}`, chunks),
  ];
}

async function checkDecode(
  vae: Vae,
  clip: string,
  index: number,
  latents: FixtureTensor,
): Promise<Comparison[]> {
  const { golden, config } = vae;
  const [, height, width] = latents.shape as [number, number, number];
  const tile = clip === 'tiled' ? tileSize(golden) : undefined;
  const name = `output.video.${clip}`;
  if (tile && needsTiles(config, tile, { height, width }, 'decode')) {
    const video = await decodeTiles(vae, latents, planTiledDecode(config, tile, height, width));
    return compareSample(golden, name, index, video);
  }
  const chunks = await decode(vae, latents, false);
  return [
    ...compareSample(golden, name, index, whole(chunks, 'frames')),
    ...compareCaches(golden, `mid.decode${clip}`, chunks),
  ];
}

/** `enable_tiling(minimum height, minimum width, stride height, stride width)` in the notes. */
function tileSize({ notes }: ModelCase): TileSize {
  const sizes = /enable_tiling\(([\d, ]+)\)/.exec(String(notes.notes))?.[1]?.split(',').map(Number);
  if (sizes?.length !== 4)
    throw new Error(`notes must have = enable_tiling with four sizes, got ${notes.notes}`);
  const [minHeight, minWidth, strideHeight, strideWidth] = sizes as [
    number,
    number,
    number,
    number,
  ];
  return { minHeight, minWidth, strideHeight, strideWidth };
}

/** Runs a clip chunk by chunk, passing the cache on; each chunk's outputs. */
async function stream(
  vae: Vae,
  part: 'encoder' | 'decoder',
  clip: FixtureTensor,
  tile: boolean,
): Promise<Chunks> {
  const [count, height, width, channels] = clip.shape as [number, number, number, number];
  const [make, input] =
    part === 'encoder'
      ? ([wanVaeEncoder, 'frames'] as const)
      : ([wanVaeDecoder, 'latents'] as const);
  const perChunk = part === 'encoder' ? framesPerChunk : 1;
  const [first, steady] = (['first', 'steady'] as const).map((chunk) =>
    make(vae.config, { chunk, height, width, tile }),
  );
  const frame = height * width * channels;
  const chunks: ReadonlyMap<string, ArrayLike<number>>[] = [];
  const cache = new Map(
    cacheEntries(steady).map(({ name, shape }) => [
      name,
      new Float64Array(shape.reduce((a, b) => a * b)),
    ]),
  );
  for (
    let start = 0;
    start < count && (start === 0 || start + perChunk <= count);
    start += start === 0 ? 1 : perChunk
  ) {
    const frames = start === 0 ? 1 : perChunk;
    const data = clip.values.subarray(start * frame, (start + frames) * frame);
    const inputs = { ...Object.fromEntries(cache), [input]: data };
    const outputs = await vae.run(start === 0 ? first : steady, vae.golden.weights, inputs, {});
    for (const [name, next] of outputs) {
      if (name.endsWith('.next')) cache.set(name.replace('.next', ''), Float64Array.from(next));
    }
    chunks.push(outputs);
  }
  return chunks;
}

const encode = (vae: Vae, frames: FixtureTensor, tile: boolean) =>
  stream(vae, 'encoder', frames, tile);
const decode = (vae: Vae, latents: FixtureTensor, tile: boolean) =>
  stream(vae, 'decoder', latents, tile);

interface Encoded {
  readonly mean: Float64Array;
  readonly logvar: Float64Array;
  /** Of a clip in one piece. */
  readonly chunks: Chunks;
}

async function encodeWhole(vae: Vae, frames: FixtureTensor): Promise<Encoded> {
  const chunks = await encode(vae, frames, false);
  return { mean: whole(chunks, 'mean'), logvar: whole(chunks, 'logvar'), chunks };
}

async function encodeTiles(vae: Vae, frames: FixtureTensor, plan: TilePlan): Promise<Encoded> {
  const { config } = vae;
  const tiles: Chunks[] = [];
  for (const tile of plan.tiles) tiles.push(await encode(vae, cut(frames, tile), true));
  const scale = 1 / vaeFactors(config).space;
  const blended = (name: string) =>
    Float64Array.from(blend(plan, tiles, name, scale, config.latentChannels).data);
  const logvar = blended('logvar').map((value) => Math.min(20, Math.max(-30, value)));
  return { mean: blended('mean'), logvar, chunks: [] };
}

async function decodeTiles(
  vae: Vae,
  latents: FixtureTensor,
  plan: TilePlan,
): Promise<Float32Array> {
  const { config } = vae;
  const tiles: Chunks[] = [];
  for (const tile of plan.tiles) tiles.push(await decode(vae, cut(latents, tile), true));
  const scale = vaeFactors(config).space / config.patchSize;
  const channels = config.outChannels * config.patchSize ** 2;
  const { data, frames } = blend(plan, tiles, 'frames', scale, channels);
  return openTiles(config, data, frames, plan.height, plan.width);
}

/** @param scale of a tile's result to the tile */
function blend(
  plan: TilePlan,
  tiles: readonly Chunks[],
  name: string,
  scale: number,
  channels: number,
): { data: Float32Array; frames: number } {
  const results = plan.tiles.map((tile, i) => ({
    height: Math.floor(tile.height * scale),
    width: Math.floor(tile.width * scale),
    data: Float32Array.from(whole(tiles[i], name)),
  }));
  const [{ height, width, data }] = results;
  const frames = data.length / (height * width * channels);
  return { data: blendTiles(plan, results, frames, channels), frames };
}

/** An output of all chunks. */
function whole(chunks: Chunks, name: string): Float64Array {
  return joined(chunks.map((chunk) => chunk.get(name) ?? []));
}

/** A part of every frame. */
function cut(
  { shape, values }: FixtureTensor,
  { y, x, height, width }: TilePlan['tiles'][number],
): FixtureTensor {
  const [frames, H, W, C] = shape as [number, number, number, number];
  const rows = Array.from({ length: frames * height }, (_, i) => {
    const from = ((Math.floor(i / height) * H + y + (i % height)) * W + x) * C;
    return values.subarray(from, from + width * C);
  });
  return { shape: [frames, height, width, C], values: joined(rows) };
}

function compareSample(
  { io, notes }: ModelCase,
  name: string,
  index: number,
  got: ArrayLike<number>,
): Comparison[] {
  const batch = io.get(name);
  return batch ? [compare(notes, name, got, channelsLast(sampleOf(batch, index)))] : [];
}

/** The first chunk's entries are one frame in the original, which our zero frame precedes. */
function compareCaches({ io, notes }: ModelCase, prefix: string, chunks: Chunks): Comparison[] {
  return chunks.flatMap((chunk, i) =>
    [...chunk].flatMap(([output, got]) => {
      const name = `${prefix}.chunk${i}.${output.replace('.next', '')}`;
      const batch = output.endsWith('.next') ? io.get(name) : undefined;
      if (batch?.shape[0] !== 1) return [];
      const reference = channelsLast(sampleOf(batch, 0));
      const frames = Array.from(got);
      const before = frames.slice(0, frames.length - reference.values.length);
      const zeros = { shape: [before.length], values: new Float64Array(before.length) };
      return [
        compare(notes, name, frames.slice(before.length), reference),
        compare(notes, name, before, zeros),
      ].filter((comparison) => comparison.error > 0 || comparison.tolerance > 0);
    }),
  );
}
