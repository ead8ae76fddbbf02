import type { ConfigReader } from './config-reader.js';

/** What the configs of PixArt and Latte have in common: adaLN-single, and text by cross-attention. */
export interface AdalnSingleConfig {
  /** Side of the latents it was trained on; positions of other sizes are spread over it. */
  readonly sampleSize: number;
  readonly patchSize: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly hiddenSize: number;
  readonly heads: number;
  readonly layers: number;
  readonly epsilon: number;
  /** Whether queries, keys and values have biases. */
  readonly attentionBias: boolean;
  /** Width of the text encoder's output. */
  readonly captionChannels: number;
  readonly interpolationScale: number;
}

/** diffusers' defaults of a class; an option without one must be given. */
interface Defaults {
  readonly headDim: number;
  readonly sampleSize: number;
  readonly patchSize?: number;
  readonly inChannels?: number;
  readonly layers: number;
  readonly epsilon: number;
  readonly attentionBias: boolean;
  readonly captionChannels?: number;
  readonly crossDim?: number;
}

/** Reads all options but those of one class alone; the caller finishes. */
export function readAdalnSingle(read: ConfigReader, defaults: Defaults): AdalnSingleConfig {
  const heads = read.integer('num_attention_heads', { most: 1024, default: 16 });
  const headDim = read.integer('attention_head_dim', { most: 1024, default: defaults.headDim });
  const hiddenSize = heads * headDim;
  const sampleSize = read.integer('sample_size', { most: 4096, default: defaults.sampleSize });
  const patchSize = read.integer('patch_size', { most: 64, default: defaults.patchSize });
  const inChannels = read.integer('in_channels', { most: 4096, default: defaults.inChannels });
  const width = { most: 65_536 };
  const config: AdalnSingleConfig = {
    sampleSize,
    patchSize,
    inChannels,
    outChannels: read.optionalInteger('out_channels', { most: 8192 }) ?? inChannels,
    hiddenSize,
    heads,
    layers: read.integer('num_layers', { most: 1024, default: defaults.layers }),
    epsilon: read.epsilon('norm_eps', defaults.epsilon),
    attentionBias: read.flag('attention_bias', defaults.attentionBias),
    captionChannels: read.integer('caption_channels', {
      ...width,
      default: defaults.captionChannels,
    }),
    interpolationScale: Math.max(Math.floor(sampleSize / 64), 1),
  };
  const crossDim = read.integer('cross_attention_dim', { ...width, default: defaults.crossDim });
  read.only('activation_fn', 'gelu-approximate');
  read.only('norm_type', 'ada_norm_single');
  read.only('norm_elementwise_affine', false);
  read.only('num_vector_embeds', null);
  for (const key of ['double_self_attention', 'only_cross_attention', 'use_linear_projection'])
    read.only(key, false);
  read.only('attention_type', 'default');
  read.ignore('dropout', 'norm_num_groups', 'num_embeds_ada_norm', 'upcast_attention');
  read.require(
    hiddenSize % 4 === 0 && hiddenSize <= 65_536,
    'num_attention_heads times attention_head_dim',
    'a multiple of 4 up to 65536',
    hiddenSize,
  );
  read.require(crossDim === hiddenSize, 'cross_attention_dim', hiddenSize, crossDim);
  const whole = sampleSize % patchSize === 0;
  read.require(whole, 'sample_size', `a multiple of patch_size ${patchSize}`, sampleSize);
  return config;
}
