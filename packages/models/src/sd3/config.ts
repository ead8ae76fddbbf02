import { readConfig } from '../config-reader.js';

/** Config of a Stable Diffusion 3 transformer, 3.0 and 3.5. */
export interface Sd3Config {
  readonly patchSize: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly hiddenSize: number;
  readonly heads: number;
  readonly layers: number;
  /** Width of the text encoders' output. */
  readonly textDim: number;
  /** Width of the pooled text embeddings. */
  readonly pooledDim: number;
  /** Side of the square of trained positions, from whose centre an image's are taken; in tokens. */
  readonly positionsSize: number;
  /** RMS norm of queries and keys (3.5). */
  readonly qkNorm: boolean;
  /** Blocks whose image tokens also attend among themselves alone (3.5 medium). */
  readonly dualAttention: readonly number[];
}

/**
 * Reads the config.json of an SD3Transformer2DModel as diffusers 0.42.1 writes it; absent options have its defaults.
 *
 * @throws BAD_CONFIG naming the option
 */
export function parseSd3Config(json: unknown): Sd3Config {
  const read = readConfig('sd3', json, 'SD3Transformer2DModel');
  const heads = read.integer('num_attention_heads', { most: 1024, default: 18 });
  const hiddenSize = heads * read.integer('attention_head_dim', { most: 1024, default: 64 });
  const inChannels = read.integer('in_channels', { most: 4096, default: 16 });
  const layers = read.integer('num_layers', { most: 1024, default: 18 });
  const captionDim = read.integer('caption_projection_dim', { most: 65_536, default: 1152 });
  const dual = read.numbers('dual_attention_layers', []);
  const config: Sd3Config = {
    patchSize: read.integer('patch_size', { most: 64, default: 2 }),
    inChannels,
    outChannels: read.optionalInteger('out_channels', { most: 4096 }) ?? inChannels,
    hiddenSize,
    heads,
    layers,
    textDim: read.integer('joint_attention_dim', { most: 65_536, default: 4096 }),
    pooledDim: read.integer('pooled_projection_dim', { most: 65_536, default: 2048 }),
    positionsSize: read.integer('pos_embed_max_size', { most: 4096, default: 96 }),
    qkNorm: read.word('qk_norm', ['rms_norm', null], null) === 'rms_norm',
    dualAttention: dual,
  };
  read.ignore('sample_size');
  read.finish();
  const width = 'num_attention_heads times attention_head_dim';
  read.require(hiddenSize <= 65_536, width, 'at most 65536', hiddenSize);
  read.require(captionDim === hiddenSize, 'caption_projection_dim', hiddenSize, captionDim);
  const isLayer = (n: number) => Number.isInteger(n) && n >= 0 && n < layers;
  read.require(dual.every(isLayer), 'dual_attention_layers', `below num_layers ${layers}`, dual);
  return config;
}
