import type { Graph } from '@tubelet/graph';
import { describe, expect, test } from 'vitest';
import {
  hasScenicNames,
  inflateKernel,
  packVivit,
  parseScenicVivitConfig,
  parseVivitConfig,
  resizePositions,
  resizeTimePositions,
  sampledFrames,
  scenicVivitWeights,
  tilePositions,
  tubeletGrid,
  vivit,
  vivitCheckpoint,
} from '../src/index.js';

const namesOf = (graph: Graph) =>
  graph.weights.flatMap(({ sources }) => sources.map(({ names }) => names[0])).sort();

/** google/vivit-b-16x2-kinetics400 as published, its 400 labels apart. */
const published = {
  architectures: ['VivitForVideoClassification'],
  attention_probs_dropout_prob: 0,
  hidden_act: 'gelu_fast',
  hidden_dropout_prob: 0,
  hidden_size: 768,
  image_size: 224,
  initializer_range: 0.02,
  intermediate_size: 3072,
  layer_norm_eps: 1e-6,
  model_type: 'vivit',
  num_attention_heads: 12,
  num_channels: 3,
  num_frames: 32,
  num_hidden_layers: 12,
  num_labels: 400,
  qkv_bias: true,
  torch_dtype: 'float32',
  transformers_version: '4.31.0.dev0',
  tubelet_size: [2, 16, 16],
  video_size: [32, 224, 224],
};

const small = { hidden_size: 8, num_heads: 2, num_layers: 1, mlp_dim: 12 };
const scenic = (model: object, dataset: object = {}) =>
  parseScenicVivitConfig({
    model: { ...small, patches: { size: [4, 4, 2] }, classifier: 'gap', ...model },
    dataset: { num_classes: 3, input_shape: [1, 4, 8, 12, 3], ...dataset },
  });

describe('the config', () => {
  test('of the published model has its parameters', () => {
    const config = parseVivitConfig(published);
    expect(tubeletGrid(config)).toEqual({ frames: 16, rows: 14, columns: 14 });
    const [graph] = vivitCheckpoint(config).graphs;
    const shapes = graph.weights.flatMap(({ sources }) => sources.map(({ shape }) => shape));
    const count = shapes.reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
    const positions = (1 + 16 * 14 * 14) * 768;
    expect(Math.round((count + positions) / 1e5)).toBe(890);
  });

  test.each<[string, object, RegExp]>([
    ['an unknown option', { dropout: 1 }, /options must be = .* got "dropout"/],
    ['frames', { num_frames: 5 }, /frames must be = a multiple of the tubelet's 2, got 5/],
    [
      'a side',
      { image_size: 30 },
      /sides of a frame must be = multiples of .*16,16, got \[30,30\]/,
    ],
    ['heads', { num_attention_heads: 5 }, /hidden_size must be = a multiple of .* 5, got 768/],
    ['a tubelet', { tubelet_size: [2, 16] }, /tubelet_size must be = a list of 3/],
    ['an activation', { hidden_act: 'mish' }, /hidden_act must be = .*gelu_fast/],
  ])('refuses %s', (_name, options, message) => {
    expect(() => parseVivitConfig(options)).toThrow(message);
  });

  test.each<[string, object, RegExp]>([
    ['an unknown option', { depth: 1 }, /got "depth"/],
    ['an attention', { attention_config: { type: 'axial' } }, /type must be = spacetime or/],
    ['another summary', { classifier: 'gmp' }, /classifier must be = gap or token, got "gmp"/],
    [
      'a class token in model 3',
      { classifier: 'token', attention_config: { type: 'factorized_self_attention_block' } },
      /classifier must be = gap for this attention, got "token"/,
    ],
    [
      'odd heads in model 4',
      { num_heads: 1, attention_config: { type: 'factorized_dot_product_attention' } },
      /num_heads must be = even/,
    ],
    [
      'an average over frames',
      { attention_config: { spatial_only_baseline: true } },
      /spatial_only/,
    ],
    [
      'another encoding',
      { temporal_encoding_config: { method: 'fft' } },
      /method must be = 3d_conv/,
    ],
    [
      'model 2 without its encoders',
      { attention_config: { type: 'factorized_encoder' } },
      /config must be = a JSON object, got nothing/,
    ],
  ])('of scenic refuses %s', (_name, model, message) => {
    expect(() => scenic(model)).toThrow(message);
  });

  test('of scenic knows uniform frame sampling', () => {
    const config = scenic(
      {
        patches: { size: [4, 4] },
        temporal_encoding_config: { method: 'temporal_sampling', n_sampled_frames: 3 },
      },
      { input_shape: [1, 10, 8, 12, 3] },
    );
    expect(config).toMatchObject({ frames: 3, tubeletSize: [1, 4, 4], channels: 3 });
  });
});

test('frames are sampled uniformly, halves to even', () => {
  expect(sampledFrames(10, 3)).toEqual([2, 5, 8]);
  expect(sampledFrames(12, 3)).toEqual([3, 6, 9]);
  expect(sampledFrames(4, 1)).toEqual([2]);
  expect(sampledFrames(7, 6)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(sampledFrames(3, 3)).toEqual([0, 1, 2]);
  expect(sampledFrames(3, 8)).toEqual([0, 1, 2]);
  expect(() => sampledFrames(0, 3)).toThrow(/total must be = a whole number from 1, got 0/);
});

describe('scenic weights', () => {
  const shapes: Readonly<Record<string, readonly number[]>> = {
    'embedding/kernel': [2, 1, 2, 3, 4],
    'embedding/bias': [4],
    cls_SpatialTransformer: [1, 1, 4],
    'SpatialTransformer/posembed_input/pos_embedding': [1, 5, 4],
    'TemporalTransformer/encoderblock_1/MultiHeadDotProductAttention_0/query/kernel': [4, 2, 2],
    'TemporalTransformer/encoderblock_1/MultiHeadDotProductAttention_0/query/bias': [2, 2],
    'TemporalTransformer/encoderblock_1/MultiHeadDotProductAttention_0/out/kernel': [2, 2, 4],
    'Transformer/encoderblock_0/MultiHeadDotProductAttention_time/key/kernel': [4, 2, 2],
    'Transformer/encoderblock_0/LayerNorm_mlp/scale': [4],
    'Transformer/encoderblock_0/MlpBlock/Dense_1/kernel': [6, 4],
    'Transformer/encoder_norm/bias': [4],
    'output_projection/kernel': [4, 3],
  };
  const tensors = new Map(
    Object.entries(shapes).map(([name, shape]) => {
      const count = shape.reduce((a, b) => a * b, 1);
      return [name, { shape, values: Array.from({ length: count }, (_, i) => i) }];
    }),
  );
  const found = scenicVivitWeights(tensors);

  test('get the names that the graphs read', () => {
    expect([...found.keys()]).toEqual([
      'embeddings.patch_embeddings.projection.weight',
      'embeddings.patch_embeddings.projection.bias',
      'spatial.cls_token',
      'spatial.position_embeddings',
      'temporal.encoder.layer.1.attention.attention.query.weight',
      'temporal.encoder.layer.1.attention.attention.query.bias',
      'temporal.encoder.layer.1.attention.output.dense.weight',
      'encoder.layer.0.attention_time.attention.key.weight',
      'encoder.layer.0.layernorm_after.weight',
      'encoder.layer.0.output.dense.weight',
      'layernorm.bias',
      'classifier.weight',
    ]);
    expect(hasScenicNames(tensors)).toBe(true);
    expect(hasScenicNames(found)).toBe(false);
  });

  test('are turned', () => {
    const query = found.get('temporal.encoder.layer.1.attention.attention.query.weight')!;
    expect(query.shape).toEqual([4, 4]);
    expect([...query.values.subarray(0, 4)]).toEqual([0, 4, 8, 12]);
    const head = found.get('classifier.weight')!;
    expect(head).toMatchObject({ shape: [3, 4] });
    expect([...head.values]).toEqual([0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]);
    // [t, h, w, in, out] at (1, 0, 1, 2, 3) is [out, in, t, h, w] at (3, 2, 1, 0, 1).
    const kernel = found.get('embeddings.patch_embeddings.projection.weight')!;
    expect(kernel.shape).toEqual([4, 3, 2, 1, 2]);
    expect(kernel.values[((3 * 3 + 2) * 2 + 1) * 2 + 1]).toBe(((1 * 2 + 1) * 3 + 2) * 4 + 3);
  });

  test('of patches of one frame have a tubelet of one', () => {
    const patches = new Map([['embedding/kernel', { shape: [2, 2, 1, 1], values: [1, 2, 3, 4] }]]);
    const [kernel] = scenicVivitWeights(patches).values();
    expect(kernel).toMatchObject({ shape: [1, 1, 1, 2, 2] });
  });
});

test('models 2 to 4 read the names that scenic weights get', () => {
  const encoder = { num_layers: 1, num_heads: 2, mlp_dim: 12 };
  const factorized = vivit(
    scenic({
      classifier: 'token',
      attention_config: { type: 'factorized_encoder' },
      spatial_transformer: encoder,
      temporal_transformer: encoder,
    }),
  );
  expect(namesOf(factorized)).toContain('vivit.spatial.cls_token');
  expect(namesOf(factorized)).toContain('vivit.temporal.encoder.layer.0.output.dense.weight');
  const type = 'factorized_self_attention_block';
  const names = namesOf(vivit(scenic({ attention_config: { type } })));
  expect(names).toContain('vivit.encoder.layer.0.attention_time.attention.query.weight');
  expect(names).toContain('vivit.encoder.layer.0.layernorm_space.bias');
});

test('a kernel is inflated at any axis; positions are tiled and resized', () => {
  expect([...inflateKernel([1, 2], 3, 'central')]).toEqual([0, 0, 1, 2, 0, 0]);
  expect([...inflateKernel([1, 2, 3, 4], 2, 'average', 2)]).toEqual([
    0.5, 1, 0.5, 1, 1.5, 2, 1.5, 2,
  ]);
  const ranks = inflateKernel([1], 3, 'average-rank-pooling');
  expect(ranks.reduce((a, b) => a + b)).toBeCloseTo(0);
  expect(() => inflateKernel([1, 2, 3], 2, 'average', 2)).toThrow(/kernel must be = a multiple/);
  expect([...tilePositions([1, 2], 1, 5)]).toEqual([1, 2, 1, 2]);
  expect([...resizePositions([0, 1, 2, 3], 1, 9)]).toEqual([0, 0.5, 1, 1, 1.5, 2, 2, 2.5, 3]);
  expect([...resizeTimePositions([0, 4], 1, 3)]).toEqual([0, 2, 4]);
  expect([...resizeTimePositions([5, 6], 1, 1)]).toEqual([5]);
});

test('packing refuses tables of another size, and no clips', () => {
  const config = scenic({});
  const positions = new Float32Array(2 * 6 * 8);
  expect(() => packVivit(config, 0, { positions })).toThrow(/clips must be = 1 or more, got 0/);
  expect(() => packVivit(config, 1, { positions: [1, 2, 3] })).toThrow(
    /positions must be = 12 rows of 8/,
  );
  expect(packVivit(config, 2, { positions }).sizes).toMatchObject({ tokens: 24, clips: 2 });
});
