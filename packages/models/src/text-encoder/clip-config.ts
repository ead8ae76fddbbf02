import type { Activation } from '@tubelet/graph';
import { readConfig } from '../config-reader.js';
import { activations } from './config.js';

/** Config of a CLIP text encoder. */
export interface ClipTextConfig {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly heads: number;
  readonly ffnDim: number;
  readonly layers: number;
  /** Most tokens of a text. */
  readonly maxLength: number;
  readonly epsilon: number;
  readonly activation: Activation;
  /** The token whose output is the text's; null: that of the largest id. */
  readonly endToken: number | null;
  /** Width of the projected text embedding, null without one. */
  readonly projectionDim: number | null;
}

/** Options of training and of the library, which an encoder does not read. */
const unread = [
  'attention_dropout',
  'bos_token_id',
  'dropout',
  'dtype',
  'torch_dtype',
  'gradient_checkpointing',
  'initializer_factor',
  'initializer_range',
  'pad_token_id',
  'transformers_version',
  'attn_implementation',
  'use_cache',
  'return_dict',
  'output_hidden_states',
  'output_attentions',
];

/**
 * Reads the config.json of a CLIPTextModel or CLIPTextModelWithProjection as transformers 5.23.0 writes it; absent options have
 * its defaults. eos_token_id 2, which old configs have whatever the tokenizer, means the largest id.
 *
 * @throws BAD_CONFIG naming the option
 */
export function parseClipTextConfig(json: unknown): ClipTextConfig {
  const read = readConfig('clip', json);
  read.word('model_type', ['clip_text_model'], 'clip_text_model');
  const architectures = ['CLIPTextModel', 'CLIPTextModelWithProjection'] as const;
  const [architecture] = read.words('architectures', architectures, ['CLIPTextModel']);
  const hiddenSize = read.integer('hidden_size', { most: 65_536, default: 512 });
  const heads = read.integer('num_attention_heads', { most: 1024, default: 8 });
  const end = read.integer('eos_token_id', { least: 0, most: 16_777_216, default: 49_407 });
  const projectionDim = read.integer('projection_dim', { most: 65_536, default: 512 });
  const names = Object.keys(activations);
  const config: ClipTextConfig = {
    vocabSize: read.integer('vocab_size', { most: 16_777_216, default: 49_408 }),
    hiddenSize,
    heads,
    ffnDim: read.integer('intermediate_size', { most: 1_048_576, default: 2048 }),
    layers: read.integer('num_hidden_layers', { most: 1024, default: 12 }),
    maxLength: read.integer('max_position_embeddings', { most: 65_536, default: 77 }),
    epsilon: read.epsilon('layer_norm_eps', 1e-5),
    activation: activations[read.word('hidden_act', names, 'quick_gelu')],
    endToken: end === 2 ? null : end,
    projectionDim: architecture === 'CLIPTextModelWithProjection' ? projectionDim : null,
  };
  read.ignore(...unread);
  read.finish();
  const expected = `a multiple of num_attention_heads ${heads}`;
  read.require(hiddenSize % heads === 0, 'hidden_size', expected, hiddenSize);
  return config;
}
