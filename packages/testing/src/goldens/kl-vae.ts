import {
  blendTiles,
  type KlVaeConfig,
  klVaeDecoder,
  klVaeEncoder,
  klVaeFactor,
  parseKlVaeConfig,
  parseTinyVaeConfig,
  planKlVaeDecode,
  planKlVaeEncode,
  type TilePlan,
  tinyVaeDecoder,
  tinyVaeEncoder,
} from '@tubelet/models';
import { joined } from '../joined.js';
import type { RunGraph } from '../run-graph.js';
import type { FixtureTensor } from '../safetensors-fixture.js';
import { type Closeness, type Comparison, compare, worstOf } from './closeness.js';
import { channelsLast, type ModelCase, readModelCase, sampleOf, tensorOf } from './model-case.js';
import { onAddon } from './on-addon.js';

/** Runs a case of goldens/kl-vae: encoded and decoded, in tiles where the golden has them. */
export async function checkKlVaeCase(
  directory: string,
  run: RunGraph = onAddon,
): Promise<Closeness> {
  const golden = await readModelCase(directory);
  return worstOf(
    golden.config._class_name === 'AutoencoderTiny'
      ? await checkTiny(golden, run)
      : await checkKl(golden, run),
  );
}

/** A batch [N, C, H, W] as [N, H, W, C]. */
function lastOf(batch: FixtureTensor): FixtureTensor {
  const samples = Array.from({ length: batch.shape[0] }, (_, i) =>
    channelsLast(sampleOf(batch, i)),
  );
  return {
    shape: [batch.shape[0], ...samples[0].shape],
    values: joined(samples.map(({ values }) => values)),
  };
}

function sizeOf({ shape }: FixtureTensor) {
  const [images, height, width] = shape as [number, number, number];
  return { images, height, width };
}

async function checkTiny({ config: json, io, notes, weights }: ModelCase, run: RunGraph) {
  const config = parseTinyVaeConfig(json);
  const pictures = lastOf(tensorOf(io, 'input.sample'));
  const latents = lastOf(tensorOf(io, 'input.latents'));
  const encoder = tinyVaeEncoder(config, sizeOf(pictures));
  const encoded = await run(encoder, weights, { pictures: pictures.values }, {});
  const decoder = tinyVaeDecoder(config, sizeOf(latents));
  const decoded = await run(decoder, weights, { latents: latents.values }, {});
  const expect = (name: string, got: ArrayLike<number>) =>
    compare(notes, name, got, lastOf(tensorOf(io, name)));
  return [
    expect('output.latents', encoded.get('latents')!),
    expect('output.decoded', decoded.get('pictures')!),
  ];
}

async function checkKl(golden: ModelCase, run: RunGraph): Promise<Comparison[]> {
  const { config: json, io, notes, weights } = golden;
  const config = parseKlVaeConfig(json);
  const vae = { config, run, weights };
  const comparisons: Comparison[] = [];
  const expect = (name: string, got: ArrayLike<number>) => {
    const batch = io.get(name);
    if (batch) comparisons.push(compare(notes, name, got, lastOf(batch)));
  };
  for (const suffix of ['', '.tiled']) {
    const [sample, given] = [io.get(`input.sample${suffix}`), io.get(`input.latents${suffix}`)];
    if (!sample || !given) continue;
    const [pictures, latents] = [lastOf(sample), lastOf(given)];
    const tileSide = suffix === '' ? undefined : tileSideOf(notes.notes);
    const encoded = tileSide
      ? await encodeTiles(vae, pictures, tileSide)
      : await run(
          klVaeEncoder(config, sizeOf(pictures)),
          weights,
          { pictures: pictures.values },
          {},
        );
    const mean = encoded.get('mean')!;
    expect(`output.mean${suffix}`, mean);
    expect(`output.logvar${suffix}`, encoded.get('logvar')!);
    const { shiftFactor, scalingFactor } = config;
    const scaled = Float64Array.from(mean, (value) => (value - shiftFactor) * scalingFactor);
    expect(`output.scaled${suffix}`, scaled);
    const decoded = tileSide
      ? await decodeTiles(vae, latents, tileSide)
      : (
          await run(klVaeDecoder(config, sizeOf(latents)), weights, { latents: latents.values }, {})
        ).get('pictures')!;
    expect(`output.decoded${suffix}`, decoded);
  }
  return comparisons;
}

type Outputs = Awaited<ReturnType<RunGraph>>;

interface Vae {
  readonly config: KlVaeConfig;
  readonly run: RunGraph;
  readonly weights: ModelCase['weights'];
}

function tileSideOf(notes: unknown): number {
  const side = Number(/tile_sample_min_size (\d+)/.exec(String(notes))?.[1]);
  if (side > 0) return side;
  throw new Error(`notes must have = tile_sample_min_size, got ${notes}`);
}

async function decodeTiles(vae: Vae, latents: FixtureTensor, side: number): Promise<Float32Array> {
  const { height, width } = sizeOf(latents);
  const plan = planKlVaeDecode(vae.config, height, width, side);
  const tiles = plan.tiles.map((tile) => cut(latents, tile));
  const results: Outputs[] = [];
  for (const tile of tiles) {
    const graph = klVaeDecoder(vae.config, sizeOf(tile));
    results.push(await vae.run(graph, vae.weights, { latents: tile.values }, {}));
  }
  const { outChannels } = vae.config;
  return blend(plan, results, 'pictures', klVaeFactor(vae.config), outChannels);
}

async function encodeTiles(vae: Vae, pictures: FixtureTensor, side: number) {
  const { height, width } = sizeOf(pictures);
  const plan = planKlVaeEncode(vae.config, height, width, side);
  const results: Outputs[] = [];
  for (const tile of plan.tiles.map((tile) => cut(pictures, tile))) {
    const graph = klVaeEncoder(vae.config, { ...sizeOf(tile), tile: true });
    results.push(await vae.run(graph, vae.weights, { pictures: tile.values }, {}));
  }
  const { latentChannels: z } = vae.config;
  const of = (name: string) => blend(plan, results, name, 1 / klVaeFactor(vae.config), z);
  const logvar = of('logvar').map((value) => Math.min(20, Math.max(-30, value)));
  return new Map([
    ['mean', of('mean')],
    ['logvar', logvar],
  ]);
}

/** @param scale of a tile's result to the tile */
function blend(
  plan: TilePlan,
  results: readonly ReadonlyMap<string, ArrayLike<number>>[],
  name: string,
  scale: number,
  channels: number,
): Float32Array {
  const tiles = plan.tiles.map((tile, i) => ({
    height: Math.floor(tile.height * scale),
    width: Math.floor(tile.width * scale),
    data: Float32Array.from(results[i].get(name)!),
  }));
  return blendTiles(plan, tiles, 1, channels);
}

/** A part of a picture. */
function cut({ shape, values }: FixtureTensor, tile: TilePlan['tiles'][number]): FixtureTensor {
  const [, , W, C] = shape as [number, number, number, number];
  const rows = Array.from({ length: tile.height }, (_, row) => {
    const from = ((tile.y + row) * W + tile.x) * C;
    return values.subarray(from, from + tile.width * C);
  });
  return { shape: [1, tile.height, tile.width, C], values: joined(rows) };
}
