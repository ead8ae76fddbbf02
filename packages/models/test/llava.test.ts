import { expect, test } from 'vitest';
import {
  llavaCheckpoint,
  llavaImageTokens,
  packLlavaImages,
  packLlavaTexts,
  parseLlavaConfig,
} from '../src/index.js';

/** xtuner/llava-llama-3-8b-v1_1-transformers, which HunyuanVideo's image to video was published with. */
const published = {
  architectures: ['LlavaForConditionalGeneration'],
  ignore_index: -100,
  image_token_index: 128_257,
  model_type: 'llava',
  pad_token_id: 128_258,
  projector_hidden_act: 'gelu',
  text_config: {
    architectures: ['LlamaForCausalLM'],
    bos_token_id: 128_000,
    eos_token_id: 128_001,
    intermediate_size: 14_336,
    max_position_embeddings: 8192,
    model_type: 'llama',
    num_key_value_heads: 8,
    rms_norm_eps: 1e-5,
    rope_theta: 500_000.0,
    torch_dtype: 'float16',
    vocab_size: 128_320,
  },
  torch_dtype: 'float16',
  transformers_version: '4.40.1',
  vision_config: {
    architectures: ['CLIPVisionModel'],
    dropout: 0.0,
    hidden_size: 1024,
    image_size: 336,
    intermediate_size: 4096,
    model_type: 'clip_vision_model',
    num_attention_heads: 16,
    num_hidden_layers: 24,
    patch_size: 14,
    projection_dim: 768,
    torch_dtype: 'float32',
  },
  vision_feature_layer: -2,
  vision_feature_select_strategy: 'default',
};

test('the Llava of HunyuanVideo as it was published', () => {
  const config = parseLlavaConfig(published);
  expect(config).toMatchObject({ imageToken: 128_257, visionBlocks: 23, hasClassToken: false });
  expect(llavaImageTokens(config)).toBe(576);
  const { graphs, unused } = llavaCheckpoint(config);
  const names = graphs.flatMap(({ weights }) => weights.flatMap(({ sources }) => sources));
  const all = names.map(({ names }) => names);
  expect(all).toContainEqual([
    'language_model.model.embed_tokens.weight',
    'model.language_model.embed_tokens.weight',
  ]);
  expect(all).toContainEqual([
    'vision_tower.vision_model.pre_layrnorm.weight',
    'model.vision_tower.vision_model.pre_layrnorm.weight',
    'model.vision_tower.pre_layrnorm.weight',
  ]);
  expect(all).toContainEqual([
    'multi_modal_projector.linear_1.weight',
    'model.multi_modal_projector.linear_1.weight',
  ]);
  for (const name of [
    'language_model.lm_head.weight',
    'lm_head.weight',
    'vision_tower.vision_model.encoder.layers.23.mlp.fc1.bias',
    'vision_tower.vision_model.post_layernorm.weight',
  ])
    expect(unused.some((pattern) => pattern.test(name))).toBe(true);
});

const small = {
  text_config: { vocab_size: 20, hidden_size: 8, num_attention_heads: 2, num_hidden_layers: 1 },
  vision_config: { image_size: 4, patch_size: 2, num_hidden_layers: 3 },
  image_token_id: 9,
};

test('images stand in a text as their tokens, without the class token', () => {
  const config = parseLlavaConfig(small);
  expect([...packLlavaImages(config, 2).inputs.featureIndex]).toEqual([1, 2, 3, 4, 6, 7, 8, 9]);
  const { sizes, inputs } = packLlavaTexts(config, [{ ids: [1, 9, 9, 9, 9, 2] }]);
  expect(sizes).toMatchObject({ tokens: 6, imageTokens: 4 });
  expect([...inputs.source]).toEqual([0, 6, 7, 8, 9, 5]);
  expect(() => packLlavaTexts(config, [{ ids: [1, 9, 2] }])).toThrow(
    '[llava] image tokens must be = a multiple of 4, got 1',
  );
});

test('the whole of an image, of a layer counted from the front', () => {
  const config = parseLlavaConfig({
    ...small,
    vision_feature_select_strategy: 'full',
    vision_feature_layer: 2,
  });
  expect(config.visionBlocks).toBe(2);
  expect(llavaImageTokens(config)).toBe(5);
  expect([...packLlavaImages(config, 1).inputs.featureIndex]).toEqual([0, 1, 2, 3, 4]);
});

test.each([
  [
    { vision_feature_layer: [-2, -3] },
    'vision_feature_layer must be = a whole number from -4 to 3',
  ],
  [{ vision_feature_layer: -5 }, 'vision_feature_layer must be = '],
  [{ image_token_id: 20 }, 'image_token_id must be = a whole number from 0 to 19, got 20'],
  [{ vision_feature_select_strategy: 'cls' }, 'vision_feature_select_strategy must be = '],
  [{ depth: 1 }, 'options must be = those this model has, got "depth"'],
])('%o is refused', (options, message) => {
  expect(() => parseLlavaConfig({ ...small, ...options })).toThrow(`[llava] ${message}`);
});
