import type { Graph } from '@tubelet/graph';
import { expect, test } from 'vitest';
import {
  blendTimeParts,
  ltxCheckpoint,
  ltxVaeCheckpoint,
  ltxVaeDecoder,
  ltxVaeEncoder,
  needsLtxTiles,
  packLtx,
  parseLtxConfig,
  parseLtxVaeConfig,
  planLtxDecode,
  planLtxEncode,
  planLtxTime,
} from '../src/index.js';

/** Lightricks/LTX-Video transformer/config.json: 0.9.0 to 0.9.5. */
const twoB = {
  _class_name: 'LTXVideoTransformer3DModel',
  _diffusers_version: '0.32.0.dev0',
  activation_fn: 'gelu-approximate',
  attention_bias: true,
  attention_head_dim: 64,
  attention_out_bias: true,
  caption_channels: 4096,
  cross_attention_dim: 2048,
  in_channels: 128,
  norm_elementwise_affine: false,
  norm_eps: 1e-6,
  num_attention_heads: 32,
  num_layers: 28,
  out_channels: 128,
  patch_size: 1,
  patch_size_t: 1,
  qk_norm: 'rms_norm_across_heads',
};
/** 0.9.7 and 0.9.8, 13B. */
const thirteenB = {
  ...twoB,
  attention_head_dim: 128,
  cross_attention_dim: 4096,
  num_layers: 48,
};
/** vae/config.json of 0.9.0, as published before the later options. */
const vae090 = {
  _class_name: 'AutoencoderKLLTXVideo',
  block_out_channels: [128, 256, 512, 512],
  decoder_causal: false,
  encoder_causal: true,
  in_channels: 3,
  latent_channels: 128,
  layers_per_block: [4, 3, 3, 3, 4],
  out_channels: 3,
  patch_size: 4,
  patch_size_t: 1,
  resnet_norm_eps: 1e-6,
  scaling_factor: 1.0,
  spatio_temporal_scaling: [true, true, true, false],
};
const vae091 = {
  ...vae090,
  decoder_block_out_channels: [256, 512, 1024],
  decoder_inject_noise: [true, true, true, false],
  decoder_layers_per_block: [5, 6, 7, 8],
  decoder_spatio_temporal_scaling: [true, true, true],
  down_block_types: Array(4).fill('LTXVideoDownBlock3D'),
  downsample_type: Array(4).fill('conv'),
  timestep_conditioning: true,
  upsample_factor: [2, 2, 2],
  upsample_residual: [true, true, true],
};
const vae095 = {
  ...vae091,
  block_out_channels: [128, 256, 512, 1024, 2048],
  decoder_inject_noise: Array(4).fill(false),
  decoder_layers_per_block: [5, 5, 5, 5],
  down_block_types: Array(4).fill('LTXVideo095DownBlock3D'),
  downsample_type: ['spatial', 'temporal', 'spatiotemporal', 'spatiotemporal'],
  layers_per_block: [4, 6, 6, 2, 2],
  spatial_compression_ratio: 32,
  spatio_temporal_scaling: [true, true, true, true],
  temporal_compression_ratio: 8,
};

const parameters = (graphs: readonly Graph[]) => {
  const sources = graphs.flatMap(({ weights }) => weights).flatMap(({ sources }) => sources);
  const counts = sources.map(({ shape }) => shape.reduce((a, b) => a * b, 1));
  return counts.reduce((a, b) => a + b, 0);
};

test.each([
  ['0.9.0 to 0.9.6', twoB, 1_923_385_472],
  ['0.9.7', thirteenB, 13_042_569_344],
])('the published number of parameters: LTX-Video %s', (_name, json, expected) => {
  expect(parameters(ltxCheckpoint(parseLtxConfig(json)).graphs)).toBe(expected);
});

// With the transformer these are the sizes of the published single files: 9.37 GB in float32, 5.72 and 6.34 GB in bfloat16.
test.each([
  ['0.9.0', vae090, 419_193_649],
  ['0.9.1', vae091, 934_976_434],
  ['0.9.5', vae095, 1_246_913_522],
])('the number of parameters of the autoencoder of %s', (_name, json, expected) => {
  const config = parseLtxVaeConfig(json);
  expect(parameters(ltxVaeCheckpoint(config).graphs)).toBe(expected);
  expect(config).toMatchObject({ space: 32, time: 8 });
});

const tiny = { num_attention_heads: 1, attention_head_dim: 8, cross_attention_dim: 8 };

test('clips have rows per frame or token, and text without padding', () => {
  const config = parseLtxConfig({ ...tiny, in_channels: 2, num_layers: 1 });
  const scale = [8 / 25, 32, 32] as const;
  const { inputs, sizes } = packLtx(config, [
    { frames: 2, height: 1, width: 2, textTokens: 3, scale, rows: 2, rowOf: [1, 0] },
    { frames: 1, height: 1, width: 1, textTokens: 1, scale },
  ]);
  expect(sizes).toMatchObject({ tokens: 5, rows: 3, textTokens: 4, elements: 10 });
  expect([...inputs.row]).toEqual([1, 1, 0, 0, 2]);
  expect([...inputs.crossSegments]).toEqual([0, 4, 0, 3, 4, 5, 3, 4]);
  // Width 8: one frequency, π/2, for t, h and w; the pair that is left over comes first and does not turn.
  const near = (expected: number) => expect.closeTo(expected, 6);
  expect([...inputs.cos.subarray(0, 4)]).toEqual([1, 0, 0, 0].map(near));
  const second = inputs.sin.subarray(2 * 4, 3 * 4); // (1, 0, 0): position 0.016 of -1 to 1
  expect(second[0]).toBe(0);
  expect(second[1]).toBeCloseTo(Math.sin((Math.PI / 2) * (2 * (0.32 / 20) - 1)), 6);
  expect(second[2]).toBe(-1);
});

test('coordinates may be given in place of the grid', () => {
  const config = parseLtxConfig({ ...tiny, num_layers: 1 });
  const clip = { frames: 2, height: 2, width: 1, textTokens: 1 };
  const onGrid = packLtx(config, [{ ...clip, scale: [1, 32, 32] }]);
  const coordinates = Float32Array.from([0, 0, 1, 1, 0, 32, 0, 32, 0, 0, 0, 0]);
  expect(packLtx(config, [{ ...clip, coordinates }])).toEqual(onGrid);
});

const shapeOf = (graph: Graph, output: string) =>
  graph.outputs.find(({ name }) => name === output)?.tensor.shape;
const small = {
  ...vae090,
  block_out_channels: [2, 4, 4, 4],
  decoder_block_out_channels: [2, 4, 4, 4],
  latent_channels: 3,
  layers_per_block: [1, 1, 1, 1, 1],
  decoder_layers_per_block: [1, 1, 1, 1, 1],
};
const smallShuffled = {
  ...vae095,
  block_out_channels: [4, 8, 8, 16, 16],
  decoder_block_out_channels: [8, 16, 32],
  latent_channels: 3,
  layers_per_block: [1, 1, 1, 1, 1],
  decoder_layers_per_block: [1, 1, 1, 1],
};

test.each([
  ['0.9.0', small],
  ['0.9.5', smallShuffled],
])('a clip of 17 frames is 3 latents, and back: %s', (_name, json) => {
  const config = parseLtxVaeConfig(json);
  const encoder = ltxVaeEncoder(config, { frames: 17, height: 64, width: 96 });
  expect(shapeOf(encoder, 'mean')).toEqual([3, 2, 3, 3]);
  expect(shapeOf(encoder, 'logvar'), 'one for all channels').toEqual([3, 2, 3, 3]);
  const decoder = ltxVaeDecoder(config, { frames: 3, height: 2, width: 3 });
  expect(shapeOf(decoder, 'frames')).toEqual([17, 64, 96, 3]);
});

test('noise of 0.9.1 is an input for each convolution that takes it', () => {
  const config = parseLtxVaeConfig(vae091);
  const { inputs } = ltxVaeDecoder(config, { frames: 1, height: 1, width: 2 });
  const noise = inputs.filter(({ name }) => name.startsWith('noise'));
  // Two for each resnet; the lists run from the last level to the middle, which has none.
  const twice = (layers: number, columns: number) => Array<number>(2 * layers).fill(columns);
  const columns = [...twice(7, 4), ...twice(6, 8), ...twice(5, 16)];
  expect(noise.map(({ shape }) => shape[1])).toEqual(columns);
});

test('tiles of 512 pixels every 448', () => {
  const config = parseLtxVaeConfig(vae090);
  const decode = planLtxDecode(config, 20, 16);
  expect(decode.tiles.map(({ y, x, height, width }) => [y, x, height, width])).toEqual([
    [0, 0, 16, 16],
    [0, 14, 16, 2],
    [14, 0, 6, 16],
    [14, 14, 6, 2],
  ]);
  expect(decode).toMatchObject({ blendHeight: 64, strideWidth: 448, height: 640, width: 512 });
  const encode = planLtxEncode(config, 640, 512);
  expect(encode).toMatchObject({ blendHeight: 2, strideHeight: 14, height: 20, width: 16 });
  const needs = (height: number, width: number) =>
    needsLtxTiles(config, { height, width }, 'decode');
  expect([needs(16, 16), needs(17, 16), needs(16, 17)]).toEqual([false, true, true]);
});

test('parts in time pass into each other', () => {
  const config = parseLtxVaeConfig(vae090);
  const decode = planLtxTime(config, 3, 'decode');
  expect(decode.parts).toEqual([
    { start: 0, frames: 3 },
    { start: 1, frames: 2 },
    { start: 2, frames: 1 },
  ]);
  const results = decode.parts.map(({ frames }, i) => {
    return new Float32Array(2 * ((frames - 1) * 8 + 1)).fill(i);
  });
  const frames = blendTimeParts(decode, results, 2).filter((_, i) => i % 2 === 1);
  const eighths = Array.from({ length: 8 }, (_, i) => i / 8);
  expect([...frames]).toEqual([...Array<number>(9).fill(0), ...eighths]);

  const encode = planLtxTime(config, 25, 'encode');
  expect(encode.parts.map(({ start, frames }) => [start, frames])).toEqual([
    [0, 17],
    [8, 17],
    [16, 9],
    [24, 1],
  ]);
  // A part's first latent is left out; the next one is blended away over a single frame, where the part before is taken.
  const latents = [[10, 11, 12], [20, 21, 22], [30, 31], [40]].map((values) =>
    Float32Array.from(values),
  );
  expect([...blendTimeParts(encode, latents, 1)]).toEqual([10, 11, 12, 22]);
});

test.each([
  ['qk_norm must be = "rms_norm_across_heads"', { qk_norm: 'rms_norm' }],
  ['norm_elementwise_affine must be = false', { norm_elementwise_affine: true }],
  ['cross_attention_dim must be = 2048, got 1024', { cross_attention_dim: 1024 }],
  [
    'in_channels must be = a multiple of the 8 latents of a patch, got 4',
    { in_channels: 4, patch_size: 2, patch_size_t: 2 },
  ],
  [
    'num_attention_heads times attention_head_dim must be = even, from 6 to 65536, got 3',
    { num_attention_heads: 1, attention_head_dim: 3 },
  ],
  ['options must be = those this model has, got "rope"', { rope: 1 }],
])('[ltx] %s', (message, options) => {
  expect(() => parseLtxConfig({ ...twoB, ...options })).toThrow(`[ltx] ${message}`);
});

const clip = { frames: 2, height: 2, width: 2, textTokens: 1, scale: [1, 1, 1] as const };
test.each([
  ['clips must be = at least one', []],
  ['text tokens must be = at least one, got 0', [{ ...clip, textTokens: 0 }]],
  ['latent height must be = a multiple of 1, got 1.5', [{ ...clip, height: 1.5 }]],
  [
    'scale must be = three numbers above 0, or coordinates, got 0,1,1',
    [{ ...clip, scale: [0, 1, 1] as const }],
  ],
  [
    'coordinates must be = 3 for each of 8 tokens, got 1',
    [{ ...clip, coordinates: new Float32Array(1) }],
  ],
  ['rowOf must be = one per frame (2) or per token (8), got 3', [{ ...clip, rowOf: [0, 0, 0] }]],
  ['rowOf[1] must be = below rows 1, got 1', [{ ...clip, rowOf: [0, 1] }]],
])('[ltx] %s', (message, clips) => {
  expect(() => packLtx(parseLtxConfig(twoB), clips)).toThrow(`[ltx] ${message}`);
});

test.each([
  ['patch_size_t must be = 1, got 2', vae090, { patch_size_t: 2 }],
  ['layers_per_block must be = 5 entries, got 1', vae090, { layers_per_block: [4] }],
  [
    'down_block_types must be = the same block in all levels',
    vae095,
    { down_block_types: ['LTXVideoDownBlock3D', 'LTXVideo095DownBlock3D'] },
  ],
  [
    'down_block_types must be = a list of LTXVideoDownBlock3D',
    vae090,
    { down_block_types: ['DownBlock'] },
  ],
  [
    'block_out_channels must be = 128 behind a level that shuffles nothing, got 256',
    vae095,
    { downsample_type: ['conv', 'conv', 'conv', 'conv'] },
  ],
  [
    'block_out_channels must be = a multiple of 4 that divides 512, got 130',
    vae095,
    { block_out_channels: [128, 130, 512, 1024, 2048] },
  ],
  ['upsample_factor must be = 1, 2, 4 or 8, got 3', vae091, { upsample_factor: [2, 2, 3] }],
  [
    'decoder_block_out_channels must be = 512 with noise or a timestep, got 256',
    { ...vae090, timestep_conditioning: true },
    {},
  ],
  [
    'decoder_block_out_channels must be = 1024 where channels are divided, got 512',
    vae091,
    {
      decoder_block_out_channels: [256, 512, 512, 1024],
      decoder_inject_noise: Array(5).fill(false),
      decoder_layers_per_block: Array(5).fill(1),
      decoder_spatio_temporal_scaling: Array(4).fill(true),
      upsample_residual: Array(4).fill(true),
      upsample_factor: [1, 2, 2, 1],
    },
  ],
  [
    'upsample_factor must be = 1 where nothing is upsampled, got 2',
    vae091,
    { decoder_spatio_temporal_scaling: [true, true, false] },
  ],
])('[ltx-vae] %s', (message, json, options) => {
  expect(() => parseLtxVaeConfig({ ...json, ...options })).toThrow(`[ltx-vae] ${message}`);
});

test('a part in time has at least one latent frame', () => {
  const part = { minFrames: 16, strideFrames: 4 };
  expect(() => planLtxTime(parseLtxVaeConfig(vae090), 9, 'decode', part)).toThrow(
    '[vae] frames of a part must be = at least 8, the stride not longer, got 16 and 4',
  );
});
