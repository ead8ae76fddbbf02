import { readConfig } from '../config-reader.js';

/** Config of a PixArt transformer, alpha and sigma. */
export interface PixartConfig {
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
  /** Resolution and aspect ratio as conditions (alpha at 1024 pixels). */
  readonly sizeConditions: boolean;
}

/**
 * Reads the config.json of a PixArtTransformer2DModel (diffusers 0.42.1), or of the Transformer2DModel that PixArt-alpha was
 * published as; absent options have the library's defaults.
 *
 * @throws BAD_CONFIG naming the option
 */
export function parsePixartConfig(json: unknown): PixartConfig {
  const read = readConfig('pixart', json);
  const classes = ['PixArtTransformer2DModel', 'Transformer2DModel'] as const;
  read.word('_class_name', classes, 'PixArtTransformer2DModel');
  const heads = read.integer('num_attention_heads', { most: 1024, default: 16 });
  const hiddenSize = heads * read.integer('attention_head_dim', { most: 1024, default: 72 });
  const sampleSize = read.integer('sample_size', { most: 4096, default: 128 });
  const scale = read.optionalInteger('interpolation_scale', { most: 1024 });
  const inChannels = read.integer('in_channels', { most: 4096, default: 4 });
  const given = (json as Record<string, unknown>).use_additional_conditions ?? null;
  const config: PixartConfig = {
    sampleSize,
    patchSize: read.integer('patch_size', { most: 64, default: 2 }),
    inChannels,
    outChannels: read.optionalInteger('out_channels', { most: 8192 }) ?? inChannels,
    hiddenSize,
    heads,
    layers: read.integer('num_layers', { most: 1024, default: 28 }),
    epsilon: read.epsilon('norm_eps', 1e-6),
    attentionBias: read.flag('attention_bias', true),
    captionChannels: read.integer('caption_channels', { most: 65_536, default: 4096 }),
    interpolationScale: scale ?? Math.max(Math.floor(sampleSize / 64), 1),
    sizeConditions:
      given === null ? sampleSize === 128 : read.flag('use_additional_conditions', false),
  };
  const crossDim = read.integer('cross_attention_dim', { most: 65_536, default: 1152 });
  read.only('activation_fn', 'gelu-approximate');
  read.only('norm_type', 'ada_norm_single');
  read.only('norm_elementwise_affine', false);
  read.only('num_vector_embeds', null);
  for (const key of ['double_self_attention', 'only_cross_attention', 'use_linear_projection'])
    read.only(key, false);
  read.only('attention_type', 'default');
  read.ignore('dropout', 'norm_num_groups', 'num_embeds_ada_norm', 'upcast_attention');
  read.ignore('use_additional_conditions');
  read.finish();
  read.require(
    hiddenSize % 4 === 0 && hiddenSize <= 65_536,
    'num_attention_heads times attention_head_dim',
    'a multiple of 4 up to 65536',
    hiddenSize,
  );
  read.require(crossDim === hiddenSize, 'cross_attention_dim', hiddenSize, crossDim);
  const thirds = !config.sizeConditions || hiddenSize % 3 === 0;
  read.require(thirds, 'hidden size', 'a multiple of 3 for size conditions', hiddenSize);
  const whole = sampleSize % config.patchSize === 0;
  read.require(whole, 'sample_size', `a multiple of patch_size ${config.patchSize}`, sampleSize);
  return config;
}
