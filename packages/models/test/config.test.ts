import { expect, test } from 'vitest';
import {
  ditPreset,
  parseDitConfig,
  parseTextEncoderConfig,
  parseWanConfig,
  parseWanVaeConfig,
  vaeFactors,
} from '../src/index.js';

test('an empty config is the library default: Wan 2.1 14B, its autoencoder, T5 small', () => {
  expect(parseWanConfig({})).toEqual({
    patchSize: [1, 2, 2],
    heads: 40,
    headDim: 128,
    hiddenSize: 5120,
    inChannels: 16,
    outChannels: 16,
    textDim: 4096,
    freqDim: 256,
    ffnDim: 13824,
    layers: 40,
    crossAttnNorm: true,
    epsilon: 1e-6,
    imageDim: null,
    imagePositions: null,
    ropeMaxSeqLen: 1024,
  });
  expect(vaeFactors(parseWanVaeConfig({}))).toEqual({ time: 4, space: 8 });
  expect(parseTextEncoderConfig({})).toMatchObject({
    modelDim: 512,
    activation: 'relu',
    gated: false,
    tablePerBlock: false,
  });
});

test('the published Wan 2.2 autoencoder: 16x in space, RGB in patches of 2', () => {
  const config = parseWanVaeConfig({
    _class_name: 'AutoencoderKLWan',
    _diffusers_version: '0.35.0.dev0',
    base_dim: 160,
    clip_output: false,
    decoder_base_dim: 256,
    in_channels: 12,
    is_residual: true,
    latents_mean: Array(48).fill(0),
    latents_std: Array(48).fill(1),
    out_channels: 12,
    patch_size: 2,
    scale_factor_spatial: 16,
    z_dim: 48,
  });
  expect(config).toMatchObject({ encoderDim: 160, decoderDim: 256, inChannels: 3, patchSize: 2 });
  expect(vaeFactors(config)).toEqual({ time: 4, space: 16 });
});

test('keys that begin with _ are notes', () => {
  expect(parseWanConfig({ _name_or_path: 'x', _anything: 1 })).toEqual(parseWanConfig({}));
});

test('image models', () => {
  const flf = parseWanConfig({ image_dim: 1280, added_kv_proj_dim: 5120, pos_embed_seq_len: 514 });
  expect(flf).toMatchObject({ imageDim: 1280, imagePositions: 514 });
});

test.each([
  ['gated-gelu', 'gelu_tanh', true],
  ['gelu', 'gelu_erf', false],
  ['gated-silu', 'silu', true],
  ['gelu_new', 'gelu_tanh', false],
  ['relu', 'relu', false],
])('feed_forward_proj %s is %s, gated %s', (feed_forward_proj, activation, gated) => {
  const config = parseTextEncoderConfig({ model_type: 'umt5', feed_forward_proj });
  expect(config).toMatchObject({ activation, gated, tablePerBlock: true });
});

test('DiT presets are the paper’s', () => {
  const { hiddenSize, depth, heads, ffnDim, patchSize } = ditPreset('DiT-S/2');
  expect([hiddenSize, depth, heads, ffnDim, patchSize]).toEqual([384, 12, 6, 1536, 2]);
  expect(ditPreset('DiT-XL/8', 64)).toMatchObject({
    hiddenSize: 1152,
    depth: 28,
    patchSize: 8,
    inputSize: 64,
  });
});

const refusals: [message: string, parse: () => unknown][] = [
  ['[wan] config must be = a JSON object, got null', () => parseWanConfig(null)],
  ['[wan] config must be = a JSON object, got []', () => parseWanConfig([])],
  [
    '[wan] _class_name must be = WanTransformer3DModel, got "FluxTransformer2DModel"',
    () => parseWanConfig({ _class_name: 'FluxTransformer2DModel' }),
  ],
  [
    '[wan] num_layers must be = a whole number from 1 to 1024, got 0',
    () => parseWanConfig({ num_layers: 0 }),
  ],
  [
    '[wan] num_layers must be = a whole number from 1 to 1024, got -3',
    () => parseWanConfig({ num_layers: -3 }),
  ],
  [
    '[wan] num_layers must be = a whole number from 1 to 1024, got 2.5',
    () => parseWanConfig({ num_layers: 2.5 }),
  ],
  [
    '[wan] num_layers must be = a whole number from 1 to 1024, got "40"',
    () => parseWanConfig({ num_layers: '40' }),
  ],
  [
    '[wan] ffn_dim must be = a whole number from 1 to 1048576, got 1e+300',
    () => parseWanConfig({ ffn_dim: 1e300 }),
  ],
  [
    '[wan] num_attention_heads times attention_head_dim must be = at most 65536, got 1048576',
    () => parseWanConfig({ num_attention_heads: 1024, attention_head_dim: 1024 }),
  ],
  [
    '[wan] attention_head_dim must be = even, as rotary pairs need it, got 33',
    () => parseWanConfig({ attention_head_dim: 33 }),
  ],
  [
    '[wan] patch_size must be = a list of 3, each a whole number from 1 to 16, got [2,2]',
    () => parseWanConfig({ patch_size: [2, 2] }),
  ],
  ['[wan] eps must be = a number between 0 and 1, got 0', () => parseWanConfig({ eps: 0 })],
  [
    '[wan] qk_norm must be = rms_norm_across_heads or null, got "layer_norm"',
    () => parseWanConfig({ qk_norm: 'layer_norm' }),
  ],
  [
    '[wan] added_kv_proj_dim must be = null (null without image_dim, else the hidden size), got 5120',
    () => parseWanConfig({ added_kv_proj_dim: 5120 }),
  ],
  [
    '[wan] pos_embed_seq_len must be = null without image_dim, got 514',
    () => parseWanConfig({ pos_embed_seq_len: 514 }),
  ],
  [
    '[wan] options must be = those this model has, got "action_dim, window"',
    () => parseWanConfig({ action_dim: 30, window: 1 }),
  ],
  [
    '[wan-vae] attn_scales must be = [], got [0.5]',
    () => parseWanVaeConfig({ attn_scales: [0.5] }),
  ],
  [
    '[wan-vae] temperal_downsample must be = 2 flags, one fewer than dim_mult, got [false,true,true]',
    () => parseWanVaeConfig({ dim_mult: [1, 2, 4] }),
  ],
  [
    '[wan-vae] latents_mean must be = 4 numbers, one per latent channel, got 16',
    () => parseWanVaeConfig({ z_dim: 4 }),
  ],
  [
    '[wan-vae] in_channels must be = a multiple of patch_size², 4, got 3',
    () => parseWanVaeConfig({ patch_size: 2 }),
  ],
  [
    '[wan-vae] dim_mult must be = widths that the shortcut of encoder level 3 can average, got [1,2,4,8]',
    () => parseWanVaeConfig({ is_residual: true, dim_mult: [1, 2, 4, 8] }),
  ],
  [
    '[wan-vae] latents_std must be = above 0, got [0]',
    () => parseWanVaeConfig({ z_dim: 1, latents_mean: [0], latents_std: [0] }),
  ],
  [
    '[text-encoder] model_type must be = umt5 or t5, got "clip_text_model"',
    () => parseTextEncoderConfig({ model_type: 'clip_text_model' }),
  ],
  [
    '[text-encoder] relative_attention_num_buckets must be = a whole number from 4 to 65536, got 3',
    () => parseTextEncoderConfig({ relative_attention_num_buckets: 3 }),
  ],
  [
    '[text-encoder] relative_attention_max_distance must be = above 8, the exact buckets, got 8',
    () => parseTextEncoderConfig({ relative_attention_max_distance: 8 }),
  ],
  [
    '[dit] hidden_size must be = a multiple of num_heads 5, got 384',
    () => parseDitConfig({ hidden_size: 384, num_heads: 5 }),
  ],
  [
    '[dit] options must be = those this model has, got "color"',
    () => parseDitConfig({ color: 'red' }),
  ],
];

test.each(refusals)('%s', (message, parse) => {
  expect(parse).toThrow(expect.objectContaining({ message, code: 'BAD_CONFIG' }));
});
