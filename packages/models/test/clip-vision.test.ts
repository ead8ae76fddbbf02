import { expect, test } from 'vitest';
import { clipVisionCheckpoint, packClipImages, parseClipVisionConfig } from '../src/index.js';

const huge = {
  architectures: ['CLIPVisionModel'],
  attention_dropout: 0.0,
  dropout: 0.0,
  hidden_act: 'gelu',
  hidden_size: 1280,
  image_size: 224,
  initializer_factor: 1.0,
  initializer_range: 0.02,
  intermediate_size: 5120,
  layer_norm_eps: 1e-5,
  model_type: 'clip_vision_model',
  num_attention_heads: 16,
  num_channels: 3,
  num_hidden_layers: 32,
  patch_size: 14,
  projection_dim: 1024,
  torch_dtype: 'float32',
  transformers_version: '4.48.0.dev0',
};

test('the image encoder of Wan 2.1 as it was published', () => {
  const config = parseClipVisionConfig(huge);
  expect(config).toMatchObject({ activation: 'gelu_erf', projectionDim: null, imageSize: 224 });
  const { graphs, unused } = clipVisionCheckpoint(config);
  const sources = graphs[0]!.weights.flatMap(({ sources }) => sources);
  const parameters = sources.reduce(
    (sum, { shape }) => sum + shape.reduce((product, side) => product * side, 1),
    0,
  );
  // ViT-H/14 without its projection of 1280x1024.
  expect(parameters).toBe(632_076_800 - 1280 * 1024);
  const names = sources.map(({ names }) => names[0]);
  expect(names).toContain('vision_model.pre_layrnorm.weight');
  expect(sources[0]!.names).toEqual([
    'vision_model.embeddings.patch_embedding.weight',
    'embeddings.patch_embedding.weight',
  ]);
  expect(unused.some((pattern) => pattern.test('visual_projection.weight'))).toBe(true);
});

test('a projection belongs to the class that has one', () => {
  const config = parseClipVisionConfig({
    ...huge,
    architectures: ['CLIPVisionModelWithProjection'],
  });
  expect(config.projectionDim).toBe(1024);
  const [graph] = clipVisionCheckpoint(config).graphs;
  expect(graph!.outputs.map(({ name }) => name)).toEqual(['hidden', 'pooled', 'imageEmbeds']);
});

test('images follow one another, each from its class token', () => {
  const config = parseClipVisionConfig({ image_size: 4, patch_size: 2 });
  const { sizes, inputs } = packClipImages(config, 2);
  expect(sizes).toEqual({ segments: 2, elements: 96, patches: 8, tokens: 10 });
  expect([...inputs.tokenIndex]).toEqual([8, 0, 1, 2, 3, 8, 4, 5, 6, 7]);
  expect([...inputs.position]).toEqual([0, 1, 2, 3, 4, 0, 1, 2, 3, 4]);
  expect([...inputs.segments]).toEqual([0, 5, 0, 5, 5, 10, 5, 10]);
  expect([...inputs.classIndex]).toEqual([0, 5]);
});

test.each([
  [{ hidden_size: 100 }, 'hidden_size must be = a multiple of num_attention_heads 12, got 100'],
  [{ image_size: 225 }, 'image_size must be = a multiple of patch_size 32, got 225'],
  [{ model_type: 'siglip_vision_model' }, 'model_type must be = clip_vision_model'],
  [{ hidden_act: 'tanh' }, 'hidden_act must be = '],
  [{ depth: 3 }, 'options must be = those this model has, got "depth"'],
])('%o is refused', (options, message) => {
  expect(() => parseClipVisionConfig(options)).toThrow(`[clip-vision] ${message}`);
});

test('no images are refused', () => {
  const config = parseClipVisionConfig({});
  expect(() => packClipImages(config, 0)).toThrow(
    '[clip-vision] images must be = at least one, got 0',
  );
});
