import type { Graph } from '@tubelet/graph';
import { describe, expect, test } from 'vitest';
import {
  blendSpan,
  hunyuanCheckpoint,
  hunyuanTileSize,
  hunyuanVaeCheckpoint,
  hunyuanVaeDecoder,
  hunyuanVaeEncoder,
  packHunyuan,
  parseHunyuanConfig,
  parseHunyuanVaeConfig,
  planHunyuanDecode,
  planHunyuanEncode,
  type SpanPlan,
} from '../src/index.js';

function parameters(graphs: readonly Graph[]): number {
  const shapes = graphs.flatMap(({ weights }) => weights.flatMap(({ sources }) => sources));
  return shapes.reduce((total, { shape }) => total + shape.reduce((a, b) => a * b, 1), 0);
}

/** hunyuanvideo-community/HunyuanVideo transformer/config.json. */
const published = {
  _class_name: 'HunyuanVideoTransformer3DModel',
  attention_head_dim: 128,
  guidance_embeds: true,
  in_channels: 16,
  mlp_ratio: 4.0,
  num_attention_heads: 24,
  num_layers: 20,
  num_refiner_layers: 2,
  num_single_layers: 40,
  out_channels: 16,
  patch_size: 2,
  patch_size_t: 1,
  pooled_projection_dim: 768,
  qk_norm: 'rms_norm',
  rope_axes_dim: [16, 56, 56],
  rope_theta: 256.0,
  text_embed_dim: 4096,
};
/** vae/config.json of the same. */
const publishedVae = {
  _class_name: 'AutoencoderKLHunyuanVideo',
  act_fn: 'silu',
  block_out_channels: [128, 256, 512, 512],
  down_block_types: Array(4).fill('HunyuanVideoDownBlock3D'),
  in_channels: 3,
  latent_channels: 16,
  layers_per_block: 2,
  mid_block_add_attention: true,
  norm_num_groups: 32,
  out_channels: 3,
  scaling_factor: 0.476986,
  spatial_compression_ratio: 8,
  temporal_compression_ratio: 4,
  up_block_types: Array(4).fill('HunyuanVideoUpBlock3D'),
};

test('HunyuanVideo has the published 13 billion parameters, its autoencoder 246 million', () => {
  expect(parameters(hunyuanCheckpoint(parseHunyuanConfig(published)).graphs)).toBe(12_821_012_544);
  const vae = hunyuanVaeCheckpoint(parseHunyuanVaeConfig(publishedVae));
  expect(parameters(vae.graphs)).toBe(246_478_803);
});

test('absent options have the defaults, which are the published ones', () => {
  expect(parseHunyuanConfig({})).toEqual(parseHunyuanConfig(published));
  expect(parseHunyuanVaeConfig({})).toEqual(parseHunyuanVaeConfig(publishedVae));
  expect(parseHunyuanConfig({ in_channels: 33 }).outChannels).toBe(16);
  expect(parseHunyuanConfig({ in_channels: 33, out_channels: null }).outChannels).toBe(33);
});

const small = { attention_head_dim: 6, rope_axes_dim: [2, 2, 2], num_attention_heads: 2 };

test('in a segment the text comes last, and only the clip turns', () => {
  const { inputs, sizes } = packHunyuan(parseHunyuanConfig(small), [
    { frames: 2, height: 2, width: 2, textTokens: 1 },
    { frames: 1, height: 2, width: 4, textTokens: 2 },
  ]);
  expect(sizes).toMatchObject({ segments: 2, tokens: 4, textTokens: 3, joint: 7, elements: 256 });
  expect([...inputs.jointIndex]).toEqual([0, 1, 4, 2, 3, 5, 6]);
  expect([...inputs.imageIndex]).toEqual([0, 1, 3, 4]);
  expect([...inputs.textMeanSegments]).toEqual([0, 1, 0, 1, 1, 2, 1, 3]);
  expect([...inputs.textSelfSegments]).toEqual([0, 1, 0, 1, 1, 3, 1, 3]);
  const sine = Math.fround(Math.sin(1));
  const turned = { frame: 3 * 1, column: 3 * 4 + 2 };
  expect(inputs.sin.findIndex((value) => value !== 0)).toBe(turned.frame);
  expect([...inputs.sin].filter((value) => value !== 0)).toEqual([sine, sine]);
  expect(inputs.sin[turned.column]).toBe(sine);
});

test('with token_replace the first frame has a row of its own', () => {
  const config = parseHunyuanConfig({ ...small, image_condition_type: 'token_replace' });
  const clips = [
    { frames: 2, height: 2, width: 4, textTokens: 1 },
    { frames: 1, height: 2, width: 2, textTokens: 2 },
  ];
  const { inputs, sizes } = packHunyuan(config, clips);
  expect(sizes.rows).toBe(4);
  expect([...inputs.row]).toEqual([2, 2, 0, 0, 3]);
  expect([...inputs.clipRow!]).toEqual([0, 0, 0, 0, 1]);
  expect([...inputs.jointRow]).toEqual([2, 2, 0, 0, 0, 3, 1, 1]);
});

test('a checkpoint with token_replace has the same tensors', () => {
  const names = (image_condition_type: string | null) =>
    hunyuanCheckpoint(parseHunyuanConfig({ ...small, image_condition_type }))
      .graphs[0].weights.flatMap(({ sources }) => sources.flatMap(({ names }) => names))
      .sort();
  expect(names('token_replace')).toEqual(names(null));
});

describe('a clip in spans', () => {
  const config = parseHunyuanVaeConfig(publishedVae);
  const size = { height: 32, width: 32 };
  const join = (plan: SpanPlan, results: readonly Float32Array[]) =>
    results.flatMap((data, i) => [...blendSpan(plan, i, data, results[i - 1], 1)]);

  test.each([1, 2, 4, 5, 7, 8, 10, 11, 33])('%i latent frames', (frames) => {
    const { time } = planHunyuanDecode(config, { frames, ...size });
    // A decoder that gives each frame its number; the first of a span stands for the last of its four.
    const results = time.spans.map(({ start, frames }) =>
      Float32Array.from({ length: 1 + 4 * (frames - 1) }, (_, i) => 4 * start + i),
    );
    const expected = Array.from({ length: 1 + 4 * (frames - 1) }, (_, i) => i);
    expect(join(time, results)).toEqual(expected);
  });

  test.each([1, 16, 17, 20, 25, 29, 129])('%i pictures', (frames) => {
    const { time } = planHunyuanEncode(config, { frames, ...size });
    const results = time.spans.map(({ start, frames }) =>
      Float32Array.from({ length: 1 + Math.floor((frames - 1) / 4) }, (_, i) => start / 4 + i),
    );
    const expected = Array.from({ length: 1 + Math.floor((frames - 1) / 4) }, (_, i) => i);
    expect(join(time, results)).toEqual(expected);
  });

  test('passes linearly into the next span', () => {
    const { time } = planHunyuanDecode(config, { frames: 6, ...size });
    expect(time.spans).toEqual([
      { start: 0, frames: 5 },
      { start: 3, frames: 3 },
    ]);
    const results = [new Float32Array(17).fill(0), new Float32Array(9).fill(1)];
    const joined = join(time, results);
    expect(joined.slice(12)).toEqual([0, 0, 0.25, 0.5, 0.75, 1, 1, 1, 1]);
  });

  test('is cut in space where it is larger than a tile', () => {
    const { space } = planHunyuanDecode(config, { frames: 1, height: 60, width: 32 });
    expect(space.tiles.map(({ y, x, height, width }) => [y, x, height, width])).toEqual([
      [0, 0, 32, 32],
      [0, 24, 32, 8],
      [24, 0, 32, 32],
      [24, 24, 32, 8],
      [48, 0, 12, 32],
      [48, 24, 12, 8],
    ]);
    expect(space).toMatchObject({ blendHeight: 64, strideHeight: 192, height: 480, width: 256 });
    const whole = planHunyuanEncode(config, { frames: 1, height: 256, width: 200 });
    expect(whole.space.tiles).toEqual([{ y: 0, x: 0, height: 256, width: 200 }]);
    expect(whole.space).toMatchObject({ height: 32, width: 25 });
  });
});

test('an autoencoder of other levels: latents and pictures of odd sizes', () => {
  const config = parseHunyuanVaeConfig({
    block_out_channels: [4, 8, 8],
    norm_num_groups: 2,
    layers_per_block: 1,
    latent_channels: 5,
    spatial_compression_ratio: 4,
    down_block_types: Array(3).fill('HunyuanVideoDownBlock3D'),
    up_block_types: Array(3).fill('HunyuanVideoUpBlock3D'),
  });
  const encoder = hunyuanVaeEncoder(config, { frames: 6, height: 9, width: 14 });
  expect(encoder.outputs.map(({ tensor }) => tensor.shape)).toEqual(Array(2).fill([2, 3, 4, 5]));
  const decoder = hunyuanVaeDecoder(config, { frames: 3, height: 3, width: 1 });
  expect(decoder.outputs[0].tensor.shape).toEqual([9, 12, 4, 3]);
});

const clip = { frames: 1, height: 2, width: 2, textTokens: 1 };

test.each([
  [
    '[hunyuan] _class_name must be = HunyuanVideoTransformer3DModel, got "HunyuanVideo15Transformer3DModel"',
    () => parseHunyuanConfig({ _class_name: 'HunyuanVideo15Transformer3DModel' }),
  ],
  [
    '[hunyuan] qk_norm must be = rms_norm or null, got "layer_norm"',
    () => parseHunyuanConfig({ qk_norm: 'layer_norm' }),
  ],
  [
    '[hunyuan] image_condition_type must be = null or latent_concat or token_replace, got "clip"',
    () => parseHunyuanConfig({ image_condition_type: 'clip' }),
  ],
  [
    '[hunyuan] rope_axes_dim must be = sizes that sum to 128, got [16,56,54]',
    () => parseHunyuanConfig({ rope_axes_dim: [16, 56, 54] }),
  ],
  [
    '[hunyuan] mlp_ratio must be = above 0, at most 16, got 0',
    () => parseHunyuanConfig({ mlp_ratio: 0 }),
  ],
  [
    '[hunyuan] options must be = those this model has, got "has_image_proj"',
    () => parseHunyuanConfig({ has_image_proj: true }),
  ],
  [
    '[hunyuan] clips must be = at least one, got none',
    () => packHunyuan(parseHunyuanConfig(small), []),
  ],
  [
    '[hunyuan] latent height must be = a multiple of 2, got 3',
    () => packHunyuan(parseHunyuanConfig(small), [{ ...clip, height: 3 }]),
  ],
  [
    '[hunyuan] text tokens must be = at least one, got 0',
    () => packHunyuan(parseHunyuanConfig(small), [{ ...clip, textTokens: 0 }]),
  ],
  [
    '[hunyuan-vae] temporal_compression_ratio must be = 4, got 8',
    () => parseHunyuanVaeConfig({ temporal_compression_ratio: 8 }),
  ],
  [
    '[hunyuan-vae] spatial_compression_ratio must be = a power of 2 up to 16, got 6',
    () => parseHunyuanVaeConfig({ spatial_compression_ratio: 6 }),
  ],
  [
    '[hunyuan-vae] block_out_channels must be = 3 to 8 levels, got 2',
    () =>
      parseHunyuanVaeConfig({
        block_out_channels: [32, 32],
        down_block_types: Array(2).fill('HunyuanVideoDownBlock3D'),
        up_block_types: Array(2).fill('HunyuanVideoUpBlock3D'),
      }),
  ],
  [
    '[hunyuan-vae] up_block_types must be = 3 blocks, got 4',
    () =>
      parseHunyuanVaeConfig({
        block_out_channels: [32, 32, 64],
        down_block_types: Array(3).fill('HunyuanVideoDownBlock3D'),
      }),
  ],
  [
    '[hunyuan-vae] block_out_channels must be = multiples of norm_num_groups 32, got [32,32,32,48]',
    () => parseHunyuanVaeConfig({ block_out_channels: [32, 32, 32, 48] }),
  ],
  [
    '[hunyuan-vae] act_fn must be = silu or swish, got "relu"',
    () => parseHunyuanVaeConfig({ act_fn: 'relu' }),
  ],
  [
    '[vae] tile strideHeight must be = at least one latent, got 0',
    () =>
      planHunyuanDecode(
        parseHunyuanVaeConfig({}),
        { frames: 1, height: 64, width: 64 },
        { ...hunyuanTileSize, strideHeight: 4 },
      ),
  ],
  [
    '[vae] tile strideFrames must be = at least one latent, got 0',
    () =>
      planHunyuanDecode(
        parseHunyuanVaeConfig({}),
        { frames: 9, height: 8, width: 8 },
        { ...hunyuanTileSize, strideFrames: 3 },
      ),
  ],
])('%s', (message, refused) => {
  expect(refused).toThrow(message);
});
