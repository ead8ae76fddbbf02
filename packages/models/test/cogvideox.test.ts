import type { Graph } from '@tubelet/graph';
import { expect, test } from 'vitest';
import {
  cogvideoxCheckpoint,
  cogvideoxVaeCheckpoint,
  cogvideoxVaeChunks,
  cogvideoxVaeDecoder,
  cogvideoxVaeEncoder,
  cogvideoxVaeFactors,
  needsCogvideoxTiles,
  packCogvideox,
  parseCogvideoxConfig,
  parseCogvideoxVaeConfig,
  planCogvideoxDecode,
  planCogvideoxEncode,
} from '../src/index.js';

/** THUDM/CogVideoX-2b transformer/config.json. */
const twoB = {
  _class_name: 'CogVideoXTransformer3DModel',
  _diffusers_version: '0.30.0.dev0',
  activation_fn: 'gelu-approximate',
  attention_bias: true,
  attention_head_dim: 64,
  dropout: 0.0,
  flip_sin_to_cos: true,
  freq_shift: 0,
  in_channels: 16,
  max_text_seq_length: 226,
  norm_elementwise_affine: true,
  norm_eps: 1e-5,
  num_attention_heads: 30,
  num_layers: 30,
  out_channels: 16,
  patch_size: 2,
  sample_frames: 49,
  sample_height: 60,
  sample_width: 90,
  spatial_interpolation_scale: 1.875,
  temporal_compression_ratio: 4,
  temporal_interpolation_scale: 1.0,
  text_embed_dim: 4096,
  time_embed_dim: 512,
  timestep_activation_fn: 'silu',
};
/** THUDM/CogVideoX-5b. */
const fiveB = {
  ...twoB,
  num_attention_heads: 48,
  num_layers: 42,
  use_learned_positional_embeddings: false,
  use_rotary_positional_embeddings: true,
};
/** THUDM/CogVideoX-5b-I2V. */
const fiveBImage = { ...fiveB, in_channels: 32, use_learned_positional_embeddings: true };
/** THUDM/CogVideoX1.5-5B. */
const onePointFive = {
  ...fiveB,
  ofs_embed_dim: null,
  patch_bias: false,
  patch_size_t: 2,
  sample_frames: 81,
  sample_height: 300,
  sample_width: 300,
};
/** THUDM/CogVideoX1.5-5B-I2V. */
const onePointFiveImage = { ...onePointFive, in_channels: 32, ofs_embed_dim: 512 };
/** THUDM/CogVideoX-2b vae/config.json. */
const vae = {
  _class_name: 'AutoencoderKLCogVideoX',
  act_fn: 'silu',
  block_out_channels: [128, 256, 256, 512],
  down_block_types: Array(4).fill('CogVideoXDownBlock3D'),
  force_upcast: true,
  in_channels: 3,
  latent_channels: 16,
  latents_mean: null,
  latents_std: null,
  layers_per_block: 3,
  norm_eps: 1e-6,
  norm_num_groups: 32,
  out_channels: 3,
  sample_height: 480,
  sample_width: 720,
  scaling_factor: 1.15258426,
  shift_factor: null,
  temporal_compression_ratio: 4,
  up_block_types: Array(4).fill('CogVideoXUpBlock3D'),
  use_post_quant_conv: false,
  use_quant_conv: false,
};

const parameters = (graphs: readonly Graph[]) => {
  const sources = graphs.flatMap(({ weights }) => weights).flatMap(({ sources }) => sources);
  const counts = sources.map(({ shape }) => shape.reduce((a, b) => a * b, 1));
  return counts.reduce((a, b) => a + b, 0);
};

// Published: 1.69 B (2B), 5.57 B (5B and 1.5), 216 M (autoencoder).
test.each([
  ['2B', twoB, 1_693_783_872],
  ['5B', fiveB, 5_570_283_072],
  ['5B image to video, 54.7 M of it positions', fiveBImage, 5_625_087_552],
  ['1.5', onePointFive, 5_570_676_352],
  ['1.5 image to video', onePointFiveImage, 5_571_594_880],
])('the published number of parameters: CogVideoX %s', (_name, json, expected) => {
  expect(parameters(cogvideoxCheckpoint(parseCogvideoxConfig(json)).graphs)).toBe(expected);
});

test('the published number of parameters: the autoencoder', () => {
  const config = parseCogvideoxVaeConfig(vae);
  expect(parameters(cogvideoxVaeCheckpoint(config).graphs)).toBe(215_583_907);
  expect(cogvideoxVaeFactors(config)).toEqual({ space: 8, time: 4 });
});

const tiny = { num_attention_heads: 1, attention_head_dim: 16, num_layers: 1, in_channels: 1 };

test('text comes first; video and text have rows of their own', () => {
  const config = parseCogvideoxConfig({ ...tiny, use_rotary_positional_embeddings: true });
  const { inputs, sizes } = packCogvideox(config, [
    { frames: 2, height: 2, width: 2, textTokens: 1 },
    { frames: 1, height: 2, width: 4, textTokens: 2 },
  ]);
  expect(sizes).toMatchObject({ tokens: 4, textTokens: 3, joint: 7, rows: 2, streamRows: 4 });
  expect([...inputs.jointIndex]).toEqual([4, 0, 1, 5, 6, 2, 3]);
  expect([...inputs.row]).toEqual([2, 0, 0, 3, 3, 1, 1]);
  expect([...inputs.imageRow]).toEqual([0, 0, 1, 1]);
  expect([...inputs.segments]).toEqual([0, 3, 0, 3, 3, 7, 3, 7]);
  expect([...inputs.geometry]).toEqual([0, 0, 2, 2, 2, 8, 2, 1, 2, 4]);
  expect([...inputs.sin!.subarray(0, 8)], 'text does not turn').toEqual(Array(8).fill(0));
  expect(inputs.sin![2 * 8], 'the second frame does').toBeCloseTo(Math.sin(1), 6);
});

const fullTurn = (angle: number) => (angle + 2 * Math.PI) % (2 * Math.PI);

/** The first row and column a clip's tokens stand at, and the steps between them, as angles below a full turn. */
function placesOf(json: object, height: number, width: number) {
  const config = parseCogvideoxConfig({ ...json, attention_head_dim: 16, num_attention_heads: 1 });
  const { inputs } = packCogvideox(config, [
    { frames: config.patchSizeT ?? 1, height, width, textTokens: 1 },
  ]);
  const angle = (token: number, pair: number) => {
    const at = (1 + token) * 8 + pair;
    return Math.atan2(inputs.sin![at], inputs.cos![at]);
  };
  const across = width / 2;
  const row = [angle(0, 2), angle(across, 2) - angle(0, 2)];
  const column = [angle(0, 5), angle(1, 5) - angle(0, 5)];
  return [...row, ...column].map(fullTurn);
}

test('5B spreads rows and columns over the trained size, in its middle; 1.5 counts them', () => {
  const near = (expected: number[]) => expected.map((value) => expect.closeTo(value, 5));
  expect(placesOf(fiveB, 60, 90), 'the trained size').toEqual(near([0, 1, 0, 1]));
  // 16 by 30 tokens of 30 by 45: 24 rows from the third, 45 columns.
  const last = (stop: number, count: number) => (stop * (count - 1)) / count;
  const rows = (last(27, 16) - 3) / 15;
  expect(placesOf(fiveB, 32, 60)).toEqual(near([3, rows, 0, last(45, 30) / 29]));
  // 30 by 20 tokens: all rows, 20 columns from the twelfth (half to even).
  const columns = last(32, 20) - 12;
  expect(placesOf(fiveB, 60, 40)).toEqual(near([0, 1, fullTurn(12), columns / 19]));
  expect(placesOf(onePointFive, 96, 170)).toEqual(near([0, 1, 0, 1]));
});

test('computed positions: frame first, then column and row', () => {
  const config = parseCogvideoxConfig({ ...tiny, max_text_seq_length: 1 });
  const { inputs } = packCogvideox(config, [{ frames: 2, height: 4, width: 4, textTokens: 1 }]);
  const token = inputs.positions!.subarray(7 * 16, 8 * 16); // frame 1, row 1, column 1
  const place = Math.fround(1 / Math.fround(1.875));
  const [t, s] = [1, place];
  expect(token[0]).toBeCloseTo(Math.sin(t), 6);
  expect(token[2]).toBeCloseTo(Math.cos(t), 6);
  expect(token[4]).toBeCloseTo(Math.sin(s), 6);
  expect(token[10]).toBeCloseTo(Math.sin(s), 6);
});

test('chunks of 8 frames and of 2 latents; the first takes what remains', () => {
  const encode = [1, 7, 8, 9, 16, 17, 49].map((frames) => cogvideoxVaeChunks(frames, 'encode'));
  expect(encode).toEqual([[1], [7], [8], [9], [8, 8], [9, 8], [9, 8, 8, 8, 8, 8]]);
  const decode = [1, 2, 3, 5].map((frames) => cogvideoxVaeChunks(frames, 'decode'));
  expect(decode).toEqual([[1], [2], [3], [3, 2]]);
});

const small = parseCogvideoxVaeConfig({
  ...vae,
  block_out_channels: [2, 2, 4],
  down_block_types: Array(3).fill('CogVideoXDownBlock3D'),
  up_block_types: Array(3).fill('CogVideoXUpBlock3D'),
  norm_num_groups: 2,
  layers_per_block: 1,
});
const shapeOf = (graph: Graph, output: string) =>
  graph.outputs.find(({ name }) => name === output)?.tensor.shape;

test.each([
  [1, 1],
  [2, 1],
  [5, 2],
  [6, 2],
  [8, 2],
  [9, 3],
  [13, 4],
])('%i frames in the first chunk become %i latents', (frames, latents) => {
  const graph = cogvideoxVaeEncoder(small, { chunk: 'first', frames, height: 10, width: 12 });
  expect(shapeOf(graph, 'mean')).toEqual([latents, 2, 3, 16]);
});

test.each([
  [1, 1],
  [2, 8],
  [3, 9],
])('%i latents become %i frames', (frames, pictures) => {
  const graph = cogvideoxVaeDecoder(small, { chunk: 'first', frames, height: 3, width: 5 });
  expect(shapeOf(graph, 'frames')).toEqual([pictures, 12, 20, 3]);
});

test('a steady chunk takes the cache that the first one leaves', () => {
  const first = cogvideoxVaeEncoder(small, { chunk: 'first', frames: 9, height: 8, width: 8 });
  const steady = cogvideoxVaeEncoder(small, { chunk: 'steady', frames: 8, height: 8, width: 8 });
  const entries = (graph: Graph) =>
    graph.outputs
      .filter(({ name }) => name.endsWith('.next'))
      .map(({ name, tensor }) => `${name.replace('.next', '')} ${tensor.shape}`);
  const taken = steady.inputs.filter(({ name }) => name.startsWith('cache'));
  expect(taken.map(({ name, shape }) => `${name} ${shape}`)).toEqual(entries(first));
  expect(entries(steady)).toEqual(entries(first));
});

test('what is kept for the next chunk is a copy, so that a run need not hold all it is cut from', () => {
  const steady = cogvideoxVaeDecoder(small, { chunk: 'steady', frames: 2, height: 2, width: 2 });
  const kept = steady.outputs.filter(({ name }) => name.endsWith('.next'));
  const views = steady.nodes.filter(({ op }) => op.view).map(({ output }) => output);
  expect(kept.filter(({ tensor }) => views.includes(tensor))).toEqual([]);
});

test('tiles of half the trained size', () => {
  const config = parseCogvideoxVaeConfig(vae);
  const decode = planCogvideoxDecode(config, 60, 90);
  expect(decode.tiles.map(({ y, x, height, width }) => [y, x, height, width])).toEqual([
    [0, 0, 30, 45],
    [0, 36, 30, 45],
    [0, 72, 30, 18],
    [25, 0, 30, 45],
    [25, 36, 30, 45],
    [25, 72, 30, 18],
    [50, 0, 10, 45],
    [50, 36, 10, 45],
    [50, 72, 10, 18],
  ]);
  const blend = { blendHeight: 40, blendWidth: 72, strideHeight: 200, strideWidth: 288 };
  expect(decode).toMatchObject({ ...blend, height: 480, width: 720 });
  const encode = planCogvideoxEncode(config, 480, 720);
  expect(encode.tiles[4]).toEqual({ y: 200, x: 288, height: 240, width: 360 });
  expect(encode).toMatchObject({ blendHeight: 5, blendWidth: 9, strideHeight: 25, width: 90 });
  const needs = (height: number, width: number) =>
    needsCogvideoxTiles(config, { height, width }, 'decode');
  expect([needs(30, 45), needs(31, 45), needs(30, 46)]).toEqual([false, true, true]);
});

test.each([
  ['activation_fn must be = "gelu-approximate"', { activation_fn: 'geglu' }],
  ['timestep_activation_fn must be = "silu"', { timestep_activation_fn: 'mish' }],
  [
    'use_learned_positional_embeddings must be = false without rotary embeddings, got true',
    { use_learned_positional_embeddings: true },
  ],
  [
    'attention_head_dim must be = a multiple of 16 for rotary embeddings, got 24',
    { use_rotary_positional_embeddings: true, attention_head_dim: 24 },
  ],
  ['patch_size_t must be = null where positions are added, got 2', { patch_size_t: 2 }],
  ['ofs_embed_dim must be = null or time_embed_dim 512, got 256', { ofs_embed_dim: 256 }],
  [
    'num_attention_heads times attention_head_dim must be = at most 65536',
    { num_attention_heads: 1024, attention_head_dim: 128 },
  ],
  ['freq_shift must be = below 960, half of the features, got 960', { freq_shift: 960 }],
  ['sample_height must be = at least patch_size 2, got 1', { sample_height: 1 }],
  ['spatial_interpolation_scale must be = above 0, got 0', { spatial_interpolation_scale: 0 }],
  ['options must be = those this model has, got "qk_norm"', { qk_norm: true }],
])('[cogvideox] %s', (message, options) => {
  expect(() => parseCogvideoxConfig({ ...twoB, ...options })).toThrow(`[cogvideox] ${message}`);
});

const clip = { frames: 2, height: 4, width: 6, textTokens: 226 };
test.each([
  ['clips must be = at least one', twoB, []],
  ['latent height must be = a multiple of 2, got 5', twoB, [{ ...clip, height: 5 }]],
  ['latent frames must be = a multiple of 2, got 3', onePointFive, [{ ...clip, frames: 3 }]],
  [
    'latent width must be = at most 300, the trained size, got 302',
    onePointFive,
    [{ ...clip, width: 302 }],
  ],
  ['latent frames must be = 13, as positions are learned, got 2', fiveBImage, [clip]],
  [
    'text tokens must be = 226, as positions are added to them, got 5',
    twoB,
    [{ ...clip, textTokens: 5 }],
  ],
  ['text tokens must be = at least one, got 0', fiveB, [{ ...clip, textTokens: 0 }]],
])('[cogvideox] %s', (message, json, clips) => {
  expect(() => packCogvideox(parseCogvideoxConfig(json), clips)).toThrow(`[cogvideox] ${message}`);
});

test.each([
  ['use_quant_conv must be = false, got true', { use_quant_conv: true }],
  ['latents_mean must be = null', { latents_mean: [0] }],
  [
    'temporal_compression_ratio must be = a power of 2 up to 8, got 3',
    { temporal_compression_ratio: 3 },
  ],
  [
    'block_out_channels must be = multiples of norm_num_groups 32',
    { block_out_channels: [128, 256, 256, 500] },
  ],
  ['up_block_types must be = 4 blocks, got 1', { up_block_types: ['CogVideoXUpBlock3D'] }],
  [
    'down_block_types must be = a list of CogVideoXDownBlock3D',
    { down_block_types: ['DownEncoderBlock2D'] },
  ],
  ['scaling_factor must be = other than 0', { scaling_factor: 0 }],
])('[cogvideox-vae] %s', (message, options) => {
  expect(() => parseCogvideoxVaeConfig({ ...vae, ...options })).toThrow(
    `[cogvideox-vae] ${message}`,
  );
});
