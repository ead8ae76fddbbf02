import { expect, test } from 'vitest';
import { clipTextCheckpoint, packClipTexts, parseClipTextConfig } from '../src/index.js';

test('the text encoders of SD 1.5 and of SDXL as they were published', () => {
  const common = {
    attention_dropout: 0.0,
    bos_token_id: 0,
    dropout: 0.0,
    eos_token_id: 2,
    hidden_size: 768,
    initializer_factor: 1.0,
    initializer_range: 0.02,
    intermediate_size: 3072,
    layer_norm_eps: 1e-5,
    max_position_embeddings: 77,
    model_type: 'clip_text_model',
    num_attention_heads: 12,
    num_hidden_layers: 12,
    pad_token_id: 1,
    projection_dim: 768,
    torch_dtype: 'float32',
    transformers_version: '4.22.0.dev0',
    vocab_size: 49_408,
  };
  const sd = parseClipTextConfig({
    ...common,
    _name_or_path: 'openai/clip-vit-large-patch14',
    architectures: ['CLIPTextModel'],
    hidden_act: 'quick_gelu',
  });
  expect(sd).toMatchObject({ endToken: null, projectionDim: null, activation: 'quick_gelu' });
  const sdxl = parseClipTextConfig({
    ...common,
    architectures: ['CLIPTextModelWithProjection'],
    hidden_act: 'gelu',
    hidden_size: 1280,
    intermediate_size: 5120,
    num_attention_heads: 20,
    num_hidden_layers: 32,
    projection_dim: 1280,
  });
  expect(sdxl).toMatchObject({ projectionDim: 1280, activation: 'gelu_erf' });
  const sources = clipTextCheckpoint(sdxl).graphs[0].weights.flatMap(({ sources }) => sources);
  expect(sources[0].names).toEqual([
    'text_model.embeddings.token_embedding.weight',
    'embeddings.token_embedding.weight',
  ]);
  expect(sources.at(-1)?.names).toEqual(['text_projection.weight']);
});

test('a text ends at its first end token, or at the largest id', () => {
  const ends = (eos: number, ...texts: number[][]) => {
    const config = parseClipTextConfig({ vocab_size: 100, eos_token_id: eos });
    return [
      ...packClipTexts(
        config,
        texts.map((ids) => ({ ids })),
      ).inputs.endIndex,
    ];
  };
  expect(ends(98, [97, 5, 98, 98], [97, 98])).toEqual([2, 5]);
  expect(ends(2, [97, 5, 98, 1, 98], [97, 99])).toEqual([2, 6]);
});

test.each([
  ['[clip] end token of a text must be = 98, got none', [{ ids: [97, 5] }]],
  ['[clip] tokens of a text must be = at most 4, got 5', [{ ids: [97, 5, 5, 5, 98] }]],
])('%s', (message, texts) => {
  const config = parseClipTextConfig({
    vocab_size: 100,
    eos_token_id: 98,
    max_position_embeddings: 4,
  });
  expect(() => packClipTexts(config, texts)).toThrow(message);
});

test('hidden_size must be a multiple of the heads', () => {
  expect(() => parseClipTextConfig({ num_attention_heads: 3 })).toThrow(
    '[clip] hidden_size must be = a multiple of num_attention_heads 3, got 512',
  );
});
