import type { Graph } from '@tubelet/graph';
import { expect, test } from 'vitest';
import {
  packPixart,
  packSd3,
  packVit,
  parsePixartConfig,
  parseSd3Config,
  parseVitConfig,
  pixartCheckpoint,
  sd3Checkpoint,
  vitCheckpoint,
  vitPositions,
} from '../src/index.js';

const millions = ([graph]: readonly Graph[]) => {
  const shapes = graph.weights.flatMap(({ sources }) => sources).map(({ shape }) => shape);
  const sum = shapes.reduce((total, shape) => total + shape.reduce((a, b) => a * b, 1), 0);
  return Math.round(sum / 1e6);
};

/** google/vit-base-patch16-224, its 1000 labels apart. */
const vitBase = { architectures: ['ViTForImageClassification'], num_labels: 1000 };
/** PixArt-alpha/PixArt-XL-2-1024-MS as published: a Transformer2DModel without the later options. */
const pixartAlpha = {
  _class_name: 'Transformer2DModel',
  activation_fn: 'gelu-approximate',
  attention_head_dim: 72,
  caption_channels: 4096,
  cross_attention_dim: 1152,
  in_channels: 4,
  norm_type: 'ada_norm_single',
  num_attention_heads: 16,
  num_layers: 28,
  out_channels: 8,
  patch_size: 2,
  sample_size: 128,
};
/** stabilityai/stable-diffusion-3.5-medium. */
const sd35Medium = {
  _class_name: 'SD3Transformer2DModel',
  attention_head_dim: 64,
  caption_projection_dim: 1536,
  dual_attention_layers: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
  in_channels: 16,
  joint_attention_dim: 4096,
  num_attention_heads: 24,
  num_layers: 24,
  out_channels: 16,
  patch_size: 2,
  pooled_projection_dim: 2048,
  pos_embed_max_size: 384,
  qk_norm: 'rms_norm',
  sample_size: 128,
};

// Published counts: ViT-B/16 86 M, PixArt 0.6 B, SD3.5 medium 2.5 B (2.47 with its position table).
test.each([
  ['ViT-B/16', () => vitCheckpoint(parseVitConfig(vitBase)), 86],
  ['PixArt-alpha', () => pixartCheckpoint(parsePixartConfig(pixartAlpha)), 611],
  ['SD3.5 medium', () => sd3Checkpoint(parseSd3Config(sd35Medium)), 2467],
] as const)('%s has the published number of parameters', (_name, checkpoint, expected) => {
  expect(millions(checkpoint().graphs)).toBe(expected);
});

test('PixArt-alpha at 1024 pixels has size conditions and positions at half scale', () => {
  const config = parsePixartConfig(pixartAlpha);
  expect(config).toMatchObject({ sizeConditions: true, interpolationScale: 2 });
});

test('PixArt predicts 8 channels where the config says nothing, and those of its input where it says null', () => {
  const { out_channels: _, ...absent } = pixartAlpha;
  expect(parsePixartConfig(absent).outChannels).toBe(8);
  expect(parsePixartConfig({ ...pixartAlpha, out_channels: null }).outChannels).toBe(4);
});

test('positions of the trained grid are the table itself; a constant table stays constant', () => {
  const config = parseVitConfig({
    image_size: 6,
    patch_size: 2,
    hidden_size: 2,
    num_attention_heads: 1,
  });
  const table = Float64Array.from({ length: 20 }, (_, i) => (i < 2 ? 7 : 3));
  expect(vitPositions(config, table, { rows: 3, columns: 3 })).toEqual(table);
  const resized = vitPositions(config, table, { rows: 2, columns: 5 });
  expect([...resized.subarray(0, 2)]).toEqual([7, 7]);
  for (const value of resized.subarray(2)) expect(value).toBeCloseTo(3, 12);
});

test('images of several sizes stand one after another, each with its class token in front', () => {
  const config = parseVitConfig({
    image_size: 4,
    patch_size: 2,
    hidden_size: 2,
    num_attention_heads: 1,
  });
  const sizes = [
    { height: 2, width: 4 },
    { height: 2, width: 2 },
  ];
  const { inputs } = packVit(config, sizes, new Float64Array(10));
  expect([...inputs.tokenIndex]).toEqual([3, 0, 1, 3, 2]);
  expect([...inputs.segments]).toEqual([0, 3, 0, 3, 3, 5, 3, 5]);
  expect([...inputs.summarySegments]).toEqual([0, 1, 1, 3, 1, 2, 4, 5]);
});

test('SD3 takes positions from the middle of the trained square', () => {
  const { inputs } = packSd3(parseSd3Config({ pos_embed_max_size: 5 }), [
    { height: 4, width: 6, textTokens: 2 },
  ]);
  expect([...inputs.position]).toEqual([6, 7, 8, 11, 12, 13]);
  expect([...inputs.jointIndex]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

test.each([
  ['[vit] patch_size must be = a whole number', () => parseVitConfig({ patch_size: 0 })],
  [
    '[vit] image_size must be = multiples of patch_size 16',
    () => parseVitConfig({ image_size: [48, 40] }),
  ],
  ['[vit] pooler_act must be = tanh, got "relu"', () => parseVitConfig({ pooler_act: 'relu' })],
  [
    '[vit] sides of an image must be = multiples of 16, got 40',
    () => packVit(parseVitConfig({}), [{ height: 40, width: 32 }], []),
  ],
  [
    '[pixart] cross_attention_dim must be = 1152, got 1024',
    () => parsePixartConfig({ cross_attention_dim: 1024 }),
  ],
  [
    '[pixart] text tokens must be = at least one, got 0',
    () => packPixart(parsePixartConfig({}), [{ height: 4, width: 4, textTokens: 0 }]),
  ],
  [
    '[sd3] dual_attention_layers must be = below num_layers 18, got [18]',
    () => parseSd3Config({ dual_attention_layers: [18] }),
  ],
  [
    '[sd3] sides of the latents must be = multiples of 2 up to 192, got 194',
    () => packSd3(parseSd3Config({}), [{ height: 194, width: 4, textTokens: 1 }]),
  ],
])('%s', (message, refused) => {
  expect(refused).toThrow(message);
});
