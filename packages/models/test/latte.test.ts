import { expect, test } from 'vitest';
import { latteCheckpoint, packLatte, parseLatteConfig } from '../src/index.js';

/** maxin-cn/Latte-1 transformer/config.json, with options of the class it was published as. */
const latte1 = {
  _class_name: 'LatteT2V',
  _diffusers_version: '0.25.0',
  activation_fn: 'gelu-approximate',
  attention_bias: true,
  attention_head_dim: 72,
  attention_type: 'default',
  caption_channels: 4096,
  cross_attention_dim: 1152,
  double_self_attention: false,
  dropout: 0.0,
  in_channels: 4,
  norm_elementwise_affine: false,
  norm_eps: 1e-6,
  norm_num_groups: 32,
  norm_type: 'ada_norm_single',
  num_attention_heads: 16,
  num_embeds_ada_norm: 1000,
  num_layers: 28,
  num_vector_embeds: null,
  only_cross_attention: false,
  out_channels: 8,
  patch_size: 2,
  sample_size: 64,
  upcast_attention: false,
  use_linear_projection: false,
  video_length: 16,
};

test('Latte-1 has 1.06 billion parameters', () => {
  const [graph] = latteCheckpoint(parseLatteConfig(latte1)).graphs;
  const sources = graph.weights.flatMap((weight) => weight.sources);
  const counts = sources.map(({ shape }) => shape.reduce((a, b) => a * b, 1));
  const [D, text] = [1152, 4096];
  const attention = 4 * (D + 1) * D;
  const feedForward = (D + 1) * 4 * D + (4 * D + 1) * D;
  const pair = 3 * attention + 2 * feedForward + 12 * D;
  const conditions = (256 + 1) * D + (D + 1) * D + (D + 1) * 6 * D + (text + 1) * D + (D + 1) * D;
  const ends = (16 + 1) * D + 2 * D + (D + 1) * 32;
  expect(counts.reduce((a, b) => a + b, 0)).toBe(28 * pair + conditions + ends);
  expect(28 * pair + conditions + ends).toBe(1_057_246_880);
});

const tiny = {
  activation_fn: 'gelu-approximate',
  attention_head_dim: 4,
  caption_channels: 3,
  cross_attention_dim: 4,
  in_channels: 1,
  norm_elementwise_affine: false,
  norm_type: 'ada_norm_single',
  num_attention_heads: 1,
  patch_size: 1,
  video_length: 4,
};

test('tokens are regrouped by place within their clip, and back', () => {
  const { inputs, sizes } = packLatte(parseLatteConfig(tiny), [
    { frames: 3, height: 1, width: 2, textTokens: 5 },
    { frames: 1, height: 1, width: 3, textTokens: 2 },
  ]);
  expect(sizes).toMatchObject({ clips: 2, tokens: 9, frames: 4, places: 5, textTokens: 7 });
  expect([...inputs.byPlace]).toEqual([0, 2, 4, 1, 3, 5, 6, 7, 8]);
  expect([...inputs.byFrame]).toEqual([0, 3, 1, 4, 2, 5, 6, 7, 8]);
  expect([...inputs.place]).toEqual([0, 1, 0, 1, 0, 1, 2, 3, 4]);
  expect([...inputs.frame], 'a picture has no place in time').toEqual([0, 0, 1, 1, 2, 2, 4, 4, 4]);
  expect([...inputs.temporalSegments].slice(0, 12)).toEqual([0, 3, 0, 3, 3, 6, 3, 6, 6, 7, 6, 7]);
  expect([...inputs.spatialSegments].slice(8)).toEqual([4, 6, 4, 6, 6, 9, 6, 9]);
  expect([...inputs.crossSegments]).toEqual([0, 6, 0, 5, 6, 9, 5, 7]);
});

test.each([
  ['activation_fn must be = "gelu-approximate", got "geglu"', { activation_fn: 'geglu' }],
  ['norm_elementwise_affine must be = false, got true', { norm_elementwise_affine: true }],
  ['cross_attention_dim must be = 4, got 8', { cross_attention_dim: 8 }],
  ['patch_size must be = a whole number', { patch_size: null }],
  [
    'num_attention_heads times attention_head_dim must be = a multiple of 4',
    { attention_head_dim: 3 },
  ],
  ['sample_size must be = a multiple of patch_size 3', { patch_size: 3 }],
  ['options must be = those this model has, got "qk_norm"', { qk_norm: true }],
  ['_class_name must be = LatteTransformer3DModel or LatteT2V', { _class_name: 'Latte' }],
])('[latte] %s', (message, options) => {
  expect(() => parseLatteConfig({ ...tiny, ...options })).toThrow(`[latte] ${message}`);
});

test.each([
  ['clips must be = at least one', []],
  ['frames must be = 1 to 4, which have positions, got 5', [{ frames: 5 }]],
  ['sides of the latents must be = multiples of 2, got 3', [{ width: 3 }]],
  ['text tokens must be = at least one, got 0', [{ textTokens: 0 }]],
])('[latte] %s', (message, clips) => {
  const config = parseLatteConfig({ ...tiny, patch_size: 2 });
  const whole = clips.map((clip) => ({ frames: 1, height: 2, width: 2, textTokens: 1, ...clip }));
  expect(() => packLatte(config, whole)).toThrow(`[latte] ${message}`);
});
