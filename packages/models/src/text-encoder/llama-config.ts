import { readConfig } from '../config-reader.js';

/** Config of a Llama that encodes text. */
export interface LlamaConfig {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly heads: number;
  /** Heads of keys and values, each shared by heads / keyHeads queries. */
  readonly keyHeads: number;
  readonly headDim: number;
  readonly ffnDim: number;
  readonly layers: number;
  readonly epsilon: number;
  readonly ropeTheta: number;
}

/** Options of training and of the library, which an encoder does not read. */
const unread = [
  'architectures',
  'attention_dropout',
  'bos_token_id',
  'dtype',
  'eos_token_id',
  'initializer_range',
  'max_position_embeddings',
  'output_attentions',
  'output_hidden_states',
  'pad_token_id',
  'pretraining_tp',
  'return_dict',
  'rope_parameters',
  'tie_word_embeddings',
  'torch_dtype',
  'transformers_version',
  'use_cache',
];

/**
 * Reads the config.json of a LlamaModel as transformers 5.23.0 writes it; absent options have its defaults. Positions that are
 * stretched (`rope_scaling`) are refused.
 *
 * @throws BAD_CONFIG naming the option
 */
export function parseLlamaConfig(json: unknown): LlamaConfig {
  const read = readConfig('llama', json);
  read.word('model_type', ['llama'], 'llama');
  const hiddenSize = read.integer('hidden_size', { most: 65_536, default: 4096 });
  const heads = read.integer('num_attention_heads', { most: 1024, default: 32 });
  const config: LlamaConfig = {
    vocabSize: read.integer('vocab_size', { most: 16_777_216, default: 32_000 }),
    hiddenSize,
    heads,
    keyHeads: read.optionalInteger('num_key_value_heads', { most: 1024 }) ?? heads,
    headDim: read.optionalInteger('head_dim', { most: 4096 }) ?? Math.floor(hiddenSize / heads),
    ffnDim: read.integer('intermediate_size', { most: 1_048_576, default: 11_008 }),
    layers: read.integer('num_hidden_layers', { most: 1024, default: 32 }),
    epsilon: read.epsilon('rms_norm_eps', 1e-6),
    ropeTheta: read.number('rope_theta', ropeThetaOf(json)),
  };
  read.only('hidden_act', 'silu');
  read.only('attention_bias', false);
  read.only('mlp_bias', false);
  read.only('rope_scaling', null);
  read.ignore(...unread);
  read.finish();
  const { keyHeads, headDim } = config;
  const { rope_type: kind = 'default' } = ropeParameters(json);
  read.require(kind === 'default', 'rope_type of rope_parameters', 'default', String(kind));
  const shared = heads % keyHeads === 0;
  read.require(shared, 'num_key_value_heads', `a divisor of ${heads}`, keyHeads);
  read.require(headDim % 2 === 0 && headDim > 0, 'head_dim', 'even', headDim);
  return config;
}

/** Where transformers 5 keeps what older configs have beside the other options. */
function ropeParameters(json: unknown): Readonly<Record<string, unknown>> {
  const { rope_parameters: parameters } = json as Readonly<Record<string, unknown>>;
  return typeof parameters === 'object' && parameters !== null
    ? (parameters as Readonly<Record<string, unknown>>)
    : {};
}

function ropeThetaOf(json: unknown): number {
  const { rope_theta: theta } = ropeParameters(json);
  return typeof theta === 'number' ? theta : 10_000;
}
