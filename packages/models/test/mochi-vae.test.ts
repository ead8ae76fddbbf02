import { expect, test } from 'vitest';
import {
  cacheEntries,
  mochiFeatures,
  mochiVaeCheckpoint,
  mochiVaeDecoder,
  mochiVaeEncoder,
  mochiVaeFactors,
  parseMochiVaeConfig,
  planMochiDecode,
  planMochiEncode,
} from '../src/index.js';

// Published: 362 million, which is the decoder that came out first (genmo/mochi-1-preview).
test('the decoder of Mochi has the published number of parameters', () => {
  const config = parseMochiVaeConfig({ _class_name: 'AutoencoderKLMochi', in_channels: 15 });
  const counts = mochiVaeCheckpoint(config).graphs.map(({ weights }) => {
    const shapes = weights.flatMap(({ sources }) => sources.map(({ shape }) => shape));
    const count = shapes.reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
    return count;
  });
  expect(counts).toEqual([97_222_016, 362_526_595]);
  expect(mochiVaeFactors(config)).toEqual({ time: 6, space: 8 });
});

const small = {
  encoder_block_out_channels: [32, 64],
  decoder_block_out_channels: [32, 32],
  layers_per_block: [1, 1, 1],
  add_attention_block: [false, true, false],
  temporal_expansions: [3],
  spatial_expansions: [2],
  latent_channels: 2,
  latents_mean: [0, 0],
  latents_std: [1, 1],
};

test('a clip of n latent frames is 3n - 2 frames; chunks pass on two frames of every convolution', () => {
  const config = parseMochiVaeConfig(small);
  const decoder = (chunk: 'first' | 'steady', frames: number) =>
    mochiVaeDecoder(config, { chunk, frames, height: 3, width: 1 });
  const framesOf = ({ outputs }: ReturnType<typeof decoder>) =>
    outputs.find(({ name }) => name === 'frames')?.tensor.shape;
  expect(framesOf(decoder('first', 1))).toEqual([1, 6, 2, 3]);
  expect(framesOf(decoder('first', 3))).toEqual([7, 6, 2, 3]);
  expect(framesOf(decoder('steady', 2))).toEqual([6, 6, 2, 3]);
  const entries = cacheEntries(decoder('steady', 1));
  expect(entries).toHaveLength(6);
  expect(entries.at(-1)).toEqual({ name: 'cache05', shape: [2, 6, 2, 32] });
  const encoder = mochiVaeEncoder(config, { frames: 5, height: 4, width: 6 });
  expect(encoder.outputs[0].tensor.shape).toEqual([2, 2, 3, 2]);
});

test('features of a value: itself, sines, cosines', () => {
  const features = mochiFeatures([0, 0.25, 1 / 512, 0], 2);
  const [sine, cosine] = [Math.SQRT1_2, Math.SQRT1_2];
  const expected = [
    [0, 0.25, 0, 0, 0, 0, 1, 1, 1, 1],
    [1 / 512, 0, sine, 1, 0, 0, cosine, 0, 1, 1],
  ];
  expected.flat().forEach((value, i) => {
    expect(features[i]).toBeCloseTo(value, 4);
  });
});

test('tiles are cut where a side is longer than one', () => {
  const config = parseMochiVaeConfig({});
  expect(planMochiDecode(config, 32, 20).tiles).toEqual([{ y: 0, x: 0, height: 32, width: 20 }]);
  const wide = planMochiDecode(config, 30, 53);
  expect(wide.tiles.map(({ x, height, width }) => [x, height, width])).toEqual([
    [0, 30, 32],
    [24, 30, 29],
    [48, 30, 5],
    [0, 6, 32],
    [24, 6, 29],
    [48, 6, 5],
  ]);
  expect(wide).toMatchObject({ blendWidth: 64, strideWidth: 192, width: 424, height: 240 });
  const encode = planMochiEncode(config, 240, 424);
  expect(encode).toMatchObject({ blendWidth: 8, strideWidth: 24, width: 53, height: 30 });
  expect(encode.tiles).toHaveLength(6);
});

test.each([
  [
    '[mochi-vae] in_channels must be = a multiple of 5, the features of a value, got 3',
    { in_channels: 3 },
  ],
  ['[mochi-vae] layers_per_block must be = a list of 5, got 4', { layers_per_block: [1, 1, 1, 1] }],
  ['[mochi-vae] temporal_expansions must be = a list of 3, got 2', { temporal_expansions: [1, 2] }],
  [
    '[mochi-vae] latents_std must be = a list of 16, got 12',
    { latent_channels: 16, latents_mean: Array(16).fill(0) },
  ],
  [
    '[mochi-vae] decoder_block_out_channels must be = multiples of 32, got [32,64,64,80]',
    { decoder_block_out_channels: [32, 64, 64, 80] },
  ],
  [
    '[mochi-vae] spatial_expansions must be = a list of at least one, each a whole number from 1 to 2, got [2,2,3]',
    { spatial_expansions: [2, 2, 3] },
  ],
  ['[mochi-vae] act_fn must be = silu or swish, got "gelu"', { act_fn: 'gelu' }],
])('%s', (message, options) => {
  expect(() => parseMochiVaeConfig(options)).toThrow(message);
});
