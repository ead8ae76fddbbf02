import { readConfig } from '../config-reader.js';

/** Config of a Latte transformer for text to video. */
export interface LatteConfig {
  /** Side of the latents it was trained on; positions of other sizes are spread over it. */
  readonly sampleSize: number;
  readonly patchSize: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly hiddenSize: number;
  readonly heads: number;
  /** Pairs of a spatial and a temporal block. */
  readonly layers: number;
  readonly epsilon: number;
  /** Whether queries, keys and values have biases. */
  readonly attentionBias: boolean;
  /** Width of the text encoder's output. */
  readonly captionChannels: number;
  readonly interpolationScale: number;
  /** The most frames it has positions for. */
  readonly frames: number;
}

/**
 * Reads the config.json of a LatteTransformer3DModel (diffusers 0.42.1), or of the LatteT2V that Latte-1 was published as;
 * absent options have the library's defaults.
 *
 * @throws BAD_CONFIG naming the option
 */
export function parseLatteConfig(json: unknown): LatteConfig {
  const read = readConfig('latte', json);
  const classes = ['LatteTransformer3DModel', 'LatteT2V'] as const;
  read.word('_class_name', classes, 'LatteTransformer3DModel');
  const heads = read.integer('num_attention_heads', { most: 1024, default: 16 });
  const hiddenSize = heads * read.integer('attention_head_dim', { most: 1024, default: 88 });
  const sampleSize = read.integer('sample_size', { most: 4096, default: 64 });
  const inChannels = read.integer('in_channels', { most: 4096 });
  const config: LatteConfig = {
    sampleSize,
    patchSize: read.integer('patch_size', { most: 64 }),
    inChannels,
    outChannels: read.optionalInteger('out_channels', { most: 8192 }) ?? inChannels,
    hiddenSize,
    heads,
    layers: read.integer('num_layers', { most: 1024, default: 1 }),
    epsilon: read.epsilon('norm_eps', 1e-5),
    attentionBias: read.flag('attention_bias', false),
    captionChannels: read.integer('caption_channels', { most: 65_536 }),
    interpolationScale: Math.max(Math.floor(sampleSize / 64), 1),
    frames: read.integer('video_length', { most: 65_536, default: 16 }),
  };
  const crossDim = read.integer('cross_attention_dim', { most: 65_536 });
  read.only('activation_fn', 'gelu-approximate');
  read.only('norm_type', 'ada_norm_single');
  read.only('norm_elementwise_affine', false);
  read.only('num_vector_embeds', null);
  for (const key of ['double_self_attention', 'only_cross_attention', 'use_linear_projection'])
    read.only(key, false);
  read.only('attention_type', 'default');
  read.ignore('dropout', 'norm_num_groups', 'num_embeds_ada_norm', 'upcast_attention');
  read.finish();
  read.require(
    hiddenSize % 4 === 0 && hiddenSize <= 65_536,
    'num_attention_heads times attention_head_dim',
    'a multiple of 4 up to 65536',
    hiddenSize,
  );
  read.require(crossDim === hiddenSize, 'cross_attention_dim', hiddenSize, crossDim);
  const whole = sampleSize % config.patchSize === 0;
  read.require(whole, 'sample_size', `a multiple of patch_size ${config.patchSize}`, sampleSize);
  return config;
}
