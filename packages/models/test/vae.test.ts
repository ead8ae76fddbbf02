import { describe, expect, test } from 'vitest';
import {
  blendTiles,
  cacheEntries,
  needsTiles,
  openTiles,
  parseWanVaeConfig,
  planTiledDecode,
  planTiledEncode,
  wanVaeCheckpoint,
  wanVaeDecoder,
  wanVaeEncoder,
} from '../src/index.js';

const wan21 = parseWanVaeConfig({});
const wan22 = parseWanVaeConfig({
  base_dim: 8,
  decoder_base_dim: 16,
  is_residual: true,
  patch_size: 2,
  in_channels: 12,
  out_channels: 12,
});

function outputShapes(graph: ReturnType<typeof wanVaeDecoder>): Record<string, readonly unknown[]> {
  const entries = graph.outputs.map(({ name, tensor }) => [name, tensor.shape]);
  return Object.fromEntries(entries.filter(([name]) => !String(name).startsWith('cache')));
}

describe('chunks', () => {
  test.each([
    ['2.1', wan21, 8],
    ['2.2', wan22, 16],
  ])('%s: one frame, then four', (_name, config, space) => {
    const size = { height: 3 * space, width: 2 * space };
    const first = { mean: [1, 3, 2, 16], logvar: [1, 3, 2, 16] };
    expect(outputShapes(wanVaeEncoder(config, { chunk: 'first', ...size }))).toEqual(first);
    expect(outputShapes(wanVaeEncoder(config, { chunk: 'steady', ...size }))).toEqual(first);
    const latent = { height: 3, width: 2 };
    const frames = (count: number) => ({ frames: [count, size.height, size.width, 3] });
    expect(outputShapes(wanVaeDecoder(config, { chunk: 'first', ...latent }))).toEqual(frames(1));
    expect(outputShapes(wanVaeDecoder(config, { chunk: 'steady', ...latent }))).toEqual(frames(4));
  });

  test('what the steady chunk reads is what both chunks write, but for the upsamplers in time', () => {
    const written = (chunk: 'first' | 'steady') =>
      wanVaeDecoder(wan21, { chunk, height: 1, width: 1 })
        .outputs.map(({ name }) => name.replace('.next', ''))
        .filter((name) => name.startsWith('cache'));
    const entries = cacheEntries(wanVaeDecoder(wan21, { chunk: 'steady', height: 1, width: 1 }));
    const names = entries.map(({ name }) => name).sort();
    expect(written('steady').sort()).toEqual(names);
    expect(names.filter((name) => !written('first').includes(name))).toEqual([
      'cache11',
      'cache18',
    ]);
    expect(entries[0]).toEqual({ name: 'cache00', shape: [2, 1, 1, 16] });
  });

  test.each(['encoder', 'decoder'])(
    'what the %s keeps is a copy: a view would hold all it is cut from',
    (part) => {
      const make = part === 'encoder' ? wanVaeEncoder : wanVaeDecoder;
      for (const chunk of ['first', 'steady'] as const) {
        const graph = make(wan21, { chunk, height: 8, width: 8 });
        const views = graph.nodes.filter(({ op }) => op.view).map(({ output }) => output);
        const kept = graph.outputs.filter(({ name }) => name.endsWith('.next'));
        expect(kept.filter(({ tensor }) => views.includes(tensor))).toEqual([]);
      }
    },
  );

  test('an encoder that halves time three times has no chunk of four frames', () => {
    const config = parseWanVaeConfig({ temperal_downsample: [true, true, true] });
    expect(() => wanVaeEncoder(config, { chunk: 'steady', height: 8, width: 8 })).toThrow(
      "[convolution] padded x along time must be = at least the kernel's 3, got 2",
    );
    const decoder = wanVaeDecoder(config, { chunk: 'steady', height: 1, width: 1 });
    expect(outputShapes(decoder)).toEqual({ frames: [8, 8, 8, 3] });
  });

  test('a tile is opened into pixels only after blending', () => {
    const tile = wanVaeDecoder(wan22, { chunk: 'first', height: 3, width: 2, tile: true });
    expect(outputShapes(tile)).toEqual({ frames: [1, 24, 16, 12] });
  });
});

test('the published 2.1 autoencoder has 194 tensors', () => {
  const names = wanVaeCheckpoint(wan21).graphs.flatMap(({ weights }) =>
    weights.flatMap((w) => w.sources[0].names),
  );
  expect(new Set(names).size).toBe(194);
});

describe('tiles', () => {
  const size = { minHeight: 32, minWidth: 24, strideHeight: 16, strideWidth: 16 };

  test('decoding cuts latents', () => {
    const plan = planTiledDecode(wan21, size, 5, 4);
    expect(plan).toMatchObject({
      columns: 2,
      blendHeight: 16,
      blendWidth: 8,
      height: 40,
      width: 32,
    });
    expect(plan.tiles).toEqual([
      { y: 0, x: 0, height: 4, width: 3 },
      { y: 0, x: 2, height: 4, width: 2 },
      { y: 2, x: 0, height: 3, width: 3 },
      { y: 2, x: 2, height: 3, width: 2 },
      { y: 4, x: 0, height: 1, width: 3 },
      { y: 4, x: 2, height: 1, width: 2 },
    ]);
  });

  test('with patches decoding counts in patches, encoding cuts larger tiles', () => {
    const large = { minHeight: 32, minWidth: 32, strideHeight: 16, strideWidth: 16 };
    expect(planTiledDecode(wan22, large, 3, 3)).toMatchObject({
      blendHeight: 8,
      strideWidth: 8,
      height: 24,
    });
    const encode = planTiledEncode(wan22, large, 48, 48);
    expect(encode).toMatchObject({
      blendHeight: 2,
      strideHeight: 2,
      height: 3,
      width: 3,
      columns: 2,
    });
    expect(encode.tiles[3]).toEqual({ y: 32, x: 32, height: 16, width: 16 });
  });

  test('only what is larger than a tile is cut', () => {
    expect(needsTiles(wan21, size, { height: 4, width: 3 }, 'decode')).toBe(false);
    expect(needsTiles(wan21, size, { height: 4, width: 4 }, 'decode')).toBe(true);
    expect(needsTiles(wan21, size, { height: 32, width: 25 }, 'encode')).toBe(true);
  });

  test('a tile smaller than a latent is refused', () => {
    expect(() => planTiledDecode(wan21, { ...size, strideWidth: 4 }, 9, 9)).toThrow(
      '[vae] tile strideWidth must be = at least one latent, got 0',
    );
  });

  test('one tile passes linearly into the next, reading what is blended already', () => {
    const plan = {
      tiles: [],
      columns: 2,
      blendHeight: 1,
      blendWidth: 2,
      strideHeight: 1,
      strideWidth: 2,
      height: 2,
      width: 4,
    };
    const tile = (height: number, ...data: number[]) => ({
      height,
      width: data.length / height,
      data: Float32Array.from(data),
    });
    const tiles = [
      tile(2, 0, 0, 0, 8, 1, 1, 1, 9),
      tile(2, 4, 4, 5, 5),
      tile(1, 7, 7, 7, 7),
      tile(1, 3, 3),
    ];
    const out = blendTiles({ ...plan, tiles: [] }, tiles, 1, 1);
    // A blend of extent 1 takes its only row from the tile before; of extent 2 the first column, then half of the second.
    expect([...out]).toEqual([0, 0, 0, (8 + 4) / 2, 1, 1, 1, (9 + (9 + 5) / 2) / 2]);
  });

  test('frames are blended each for itself, channels apart', () => {
    const plan = {
      tiles: [],
      columns: 2,
      blendHeight: 0,
      blendWidth: 1,
      strideHeight: 1,
      strideWidth: 1,
      height: 1,
      width: 2,
    };
    const left = { height: 1, width: 2, data: Float32Array.of(1, 10, 2, 20, 3, 30, 4, 40) };
    const right = { height: 1, width: 1, data: Float32Array.of(5, 50, 6, 60) };
    expect([...blendTiles(plan, [left, right], 2, 2)]).toEqual([1, 10, 2, 20, 3, 30, 4, 40]);
  });

  test('patches open by (channel, column, row) and are clamped', () => {
    const patch = Float32Array.from({ length: 12 }, (_, i) => (i - 6) / 4);
    const c = (i: number) => Math.max(-1, Math.min(1, (i - 6) / 4));
    const pixels = [
      [0, 4, 8],
      [2, 6, 10],
      [1, 5, 9],
      [3, 7, 11],
    ]
      .flat()
      .map(c);
    expect([...openTiles(wan22, patch, 1, 1, 1)]).toEqual(pixels);
  });
});
