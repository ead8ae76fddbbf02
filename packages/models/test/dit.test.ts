import { expect, test } from 'vitest';
import {
  dit,
  ditCheckpoint,
  ditPreset,
  packDit,
  parseDitConfig,
  parseDitDiffusersConfig,
  sinCosPositions,
} from '../src/index.js';

const elements = (graph: ReturnType<typeof dit>) =>
  graph.weights
    .flatMap(({ sources }) => sources)
    .reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0);

// Table 1 of the paper (DiT-XL/2 has 675 M) and the released checkpoints: position table and null class included.
test.each([
  ['DiT-S/2', 33],
  ['DiT-B/2', 131],
  ['DiT-L/2', 458],
  ['DiT-XL/2', 675],
] as const)('%s has %i million parameters', (name, millions) => {
  expect(Math.round(elements(dit(ditPreset(name))) / 1e6)).toBe(millions);
});

test('facebook/DiT-XL-2-256 as it was published: a Transformer2DModel', () => {
  const config = parseDitDiffusersConfig({
    _class_name: 'Transformer2DModel',
    _diffusers_version: '0.12.0.dev0',
    activation_fn: 'gelu-approximate',
    attention_bias: true,
    attention_head_dim: 72,
    cross_attention_dim: null,
    dropout: 0.0,
    in_channels: 4,
    norm_elementwise_affine: false,
    norm_num_groups: 32,
    norm_type: 'ada_norm_zero',
    num_attention_heads: 16,
    num_embeds_ada_norm: 1000,
    num_layers: 28,
    num_vector_embeds: null,
    only_cross_attention: false,
    out_channels: 8,
    patch_size: 2,
    sample_size: 32,
    upcast_attention: false,
    use_linear_projection: false,
  });
  const { conditioning, depth, heads, hiddenSize, outChannels } = config;
  expect({ depth, heads, hiddenSize, outChannels }).toEqual({
    depth: 28,
    heads: 16,
    hiddenSize: 1152,
    outChannels: 8,
  });
  expect(conditioning).toBe('adaln-zero');
  const names = ditCheckpoint(config).graphs[0].weights.flatMap(({ sources }) => sources);
  expect(names.flatMap(({ names }) => names)).toContain(
    'transformer_blocks.27.norm1.linear.weight',
  );
});

test.each([
  ['[dit] conditioning must be = adaln-zero or adaln', { conditioning: 'ada' }],
  ['[dit] num_heads must be = a whole number from 1 to 1024, got 0', { num_heads: 0 }],
])('%s', (message, json) => {
  expect(() => parseDitConfig(json)).toThrow(message);
});

test.each([
  ['[dit] norm_type must be = "ada_norm_zero", got "layer_norm"', { norm_type: 'layer_norm' }],
  ['[dit] activation_fn must be = "gelu-approximate", got "geglu"', { activation_fn: 'geglu' }],
  ['[dit] sample_size must be = a multiple of patch_size 3, got 32', { patch_size: 3 }],
  ['[dit] options must be = those this model has, got "color"', { color: 1 }],
])('%s', (message, json) => {
  expect(() => parseDitDiffusersConfig(json)).toThrow(message);
});

test('images stand one after another; in-context tokens stand behind the patches of their image', () => {
  const config = parseDitConfig({
    input_size: 4,
    hidden_size: 8,
    num_heads: 2,
    depth: 1,
    conditioning: 'in-context',
  });
  const { sizes, inputs } = packDit(config, 2);
  expect(sizes).toMatchObject({ tokens: 8, rows: 2, sequence: 12 });
  expect([...inputs.sequenceIndex!]).toEqual([0, 1, 2, 3, 8, 10, 4, 5, 6, 7, 9, 11]);
  expect([...inputs.imageIndex!]).toEqual([0, 1, 2, 3, 6, 7, 8, 9]);
  expect([...inputs.segments]).toEqual([0, 6, 0, 6, 6, 12, 6, 12]);
  expect(() => packDit(config, 0)).toThrow('[dit] images must be = 1 or more, got 0');
});

test('positions: the column in the first half, the row in the second, sines before cosines', () => {
  const table = sinCosPositions(8, 2, 3);
  expect(table).toHaveLength(6 * 8);
  const token = [...table.subarray(5 * 8)]; // row 1, column 2
  const [fast, slow] = [1, 0.01];
  const half = (place: number) => [
    Math.sin(place * fast),
    Math.sin(place * slow),
    Math.cos(place * fast),
    Math.cos(place * slow),
  ];
  token.forEach((value, i) => {
    expect(value).toBeCloseTo([...half(2), ...half(1)][i], 14);
  });
  const spread = sinCosPositions(8, 4, 4, { baseSize: 2, interpolationScale: 2 });
  expect(spread[3 * 8]).toBeCloseTo(Math.sin(3 / 2 / 2), 14);
});
