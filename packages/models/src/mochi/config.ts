import { readConfig } from '../config-reader.js';

/** Config of a Mochi transformer. */
export interface MochiConfig {
  readonly patchSize: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly hiddenSize: number;
  readonly heads: number;
  readonly headDim: number;
  readonly layers: number;
  /** Width of the text inside the model. */
  readonly textHiddenSize: number;
  /** Width of the text encoder's output. */
  readonly textDim: number;
  /** Features of a timestep. */
  readonly timeDim: number;
}

/** Heads of the attention that pools the text. */
export const poolerHeads = 8;

/**
 * Reads the config.json of a MochiTransformer3DModel as diffusers 0.42.1 writes it; absent options have its defaults.
 *
 * @throws BAD_CONFIG naming the option
 */
export function parseMochiConfig(json: unknown): MochiConfig {
  const read = readConfig('mochi', json, 'MochiTransformer3DModel');
  const heads = read.integer('num_attention_heads', { most: 1024, default: 24 });
  const headDim = read.integer('attention_head_dim', { least: 2, most: 1024, default: 128 });
  const hiddenSize = heads * headDim;
  const inChannels = read.integer('in_channels', { most: 4096, default: 12 });
  const config: MochiConfig = {
    patchSize: read.integer('patch_size', { most: 64, default: 2 }),
    inChannels,
    outChannels: read.optionalInteger('out_channels', { most: 4096 }) ?? inChannels,
    hiddenSize,
    heads,
    headDim,
    layers: read.integer('num_layers', { most: 1024, default: 48 }),
    textHiddenSize: read.integer('pooled_projection_dim', { most: 65_536, default: 1536 }),
    textDim: read.integer('text_embed_dim', { most: 65_536, default: 4096 }),
    timeDim: read.integer('time_embed_dim', { least: 2, most: 65_536, default: 256 }),
  };
  read.only('activation_fn', 'swiglu');
  // The original has both and reads neither.
  read.ignore('qk_norm', 'max_sequence_length');
  read.finish();
  const width = 'num_attention_heads times attention_head_dim';
  read.require(hiddenSize <= 65_536, width, 'at most 65536', hiddenSize);
  read.require(headDim % 2 === 0, 'attention_head_dim', 'even', headDim);
  const { textDim } = config;
  const heads8 = `a multiple of the pooler's ${poolerHeads} heads`;
  read.require(textDim % poolerHeads === 0, 'text_embed_dim', heads8, textDim);
  return config;
}
