import type { Activation } from '@tubelet/graph';
import { readConfig } from '../config-reader.js';

/** Config of a T5 encoder: T5, T5 1.1 or UMT5. */
export interface TextEncoderConfig {
  readonly vocabSize: number;
  /** Width of tokens between blocks. */
  readonly modelDim: number;
  readonly heads: number;
  /** heads·headDim need not be modelDim. */
  readonly headDim: number;
  readonly ffnDim: number;
  readonly layers: number;
  readonly epsilon: number;
  readonly activation: Activation;
  /** Two input layers in the feed-forward, one of them a gate. */
  readonly gated: boolean;
  /** Buckets of the table of relative positions, and the distance from which all share the last one. */
  readonly buckets: number;
  readonly maxDistance: number;
  /** A table in every block (UMT5), or only in the first one, used by all (T5). */
  readonly tablePerBlock: boolean;
}

/** transformers' names of activations. */
export const activations: Readonly<Record<string, Activation>> = {
  relu: 'relu',
  gelu: 'gelu_erf',
  gelu_fast: 'gelu_tanh',
  gelu_new: 'gelu_tanh',
  gelu_pytorch_tanh: 'gelu_tanh',
  quick_gelu: 'quick_gelu',
  silu: 'silu',
  swish: 'silu',
};

/** Options of training, of decoders and of the library, which an encoder does not read. */
const unread = [
  'architectures',
  'classifier_dropout',
  'decoder_start_token_id',
  'dropout_rate',
  'dtype',
  'torch_dtype',
  'eos_token_id',
  'pad_token_id',
  'bos_token_id',
  'initializer_factor',
  'is_decoder',
  'is_encoder_decoder',
  'n_positions',
  'num_decoder_layers',
  'output_past',
  'scale_decoder_outputs',
  'scalable_attention',
  'task_specific_params',
  'tie_word_embeddings',
  'tokenizer_class',
  'transformers_version',
  'use_cache',
  'return_dict',
  'output_hidden_states',
  'output_attentions',
  'problem_type',
  'id2label',
  'label2id',
  'chunk_size_feed_forward',
  'finetuning_task',
  'gradient_checkpointing',
  'attn_implementation',
];

/**
 * Reads the config.json of a UMT5EncoderModel or T5EncoderModel as transformers 5.23.0 writes it; absent options have its defaults.
 *
 * @throws BAD_CONFIG naming the option
 */
export function parseTextEncoderConfig(json: unknown): TextEncoderConfig {
  const read = readConfig('text-encoder', json);
  const umt5 = read.word('model_type', ['umt5', 't5'], 't5') === 'umt5';
  const projections = Object.keys(activations).flatMap((name) => [name, `gated-${name}`]);
  const projection = read.word('feed_forward_proj', projections, umt5 ? 'gated-gelu' : 'relu');
  const gated = projection.startsWith('gated-');
  const config: TextEncoderConfig = {
    vocabSize: read.integer('vocab_size', { most: 16_777_216, default: umt5 ? 250_112 : 32_128 }),
    modelDim: read.integer('d_model', { most: 65_536, default: 512 }),
    heads: read.integer('num_heads', { most: 1024, default: umt5 ? 6 : 8 }),
    headDim: read.integer('d_kv', { most: 4096, default: 64 }),
    ffnDim: read.integer('d_ff', { most: 1_048_576, default: umt5 ? 1024 : 2048 }),
    layers: read.integer('num_layers', { most: 1024, default: umt5 ? 8 : 6 }),
    epsilon: read.epsilon('layer_norm_epsilon', 1e-6),
    // "gated-gelu" is the tanh form, alone among the names: transformers keeps old checkpoints working so.
    activation:
      projection === 'gated-gelu' ? 'gelu_tanh' : activations[projection.replace('gated-', '')],
    gated,
    buckets: read.integer('relative_attention_num_buckets', {
      least: 4,
      most: 65_536,
      default: 32,
    }),
    maxDistance: read.integer('relative_attention_max_distance', { most: 1_048_576, default: 128 }),
    tablePerBlock: umt5,
  };
  // transformers writes them beside feed_forward_proj, and takes them before it.
  read.only('is_gated_act', gated);
  const activation = projection === 'gated-gelu' ? 'gelu_new' : projection.replace('gated-', '');
  read.only('dense_act_fn', activation);
  read.ignore(...unread);
  read.finish();

  read.require(
    config.heads * config.headDim <= 65_536,
    'num_heads times d_kv',
    'at most 65536',
    config.heads * config.headDim,
  );
  const exact = Math.floor(config.buckets / 4);
  read.require(
    config.maxDistance > exact,
    'relative_attention_max_distance',
    `above ${exact}, the exact buckets`,
    config.maxDistance,
  );
  return config;
}
