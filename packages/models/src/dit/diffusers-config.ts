import { readConfig } from '../config-reader.js';
import type { DitConfig } from './config.js';

/**
 * Reads the config.json of a DiTTransformer2DModel (diffusers 0.42.1), or of the Transformer2DModel that
 * facebook/DiT-XL-2-256 and -512 were published as; absent options have the library's defaults.
 *
 * @throws BAD_CONFIG naming the option
 */
export function parseDitDiffusersConfig(json: unknown): DitConfig {
  const read = readConfig('dit', json);
  read.word(
    '_class_name',
    ['DiTTransformer2DModel', 'Transformer2DModel'],
    'DiTTransformer2DModel',
  );
  const heads = read.integer('num_attention_heads', { most: 1024, default: 16 });
  const hiddenSize = heads * read.integer('attention_head_dim', { most: 1024, default: 72 });
  const inChannels = read.integer('in_channels', { most: 4096, default: 4 });
  const config: DitConfig = {
    layout: 'diffusers',
    conditioning: 'adaln-zero',
    inputSize: read.integer('sample_size', { most: 4096, default: 32 }),
    patchSize: read.integer('patch_size', { most: 64, default: 2 }),
    inChannels,
    outChannels: read.optionalInteger('out_channels', { most: 8192 }) ?? inChannels,
    hiddenSize,
    depth: read.integer('num_layers', { most: 1024, default: 28 }),
    heads,
    ffnDim: 4 * hiddenSize,
    classes: read.integer('num_embeds_ada_norm', { most: 16_777_216, default: 1000 }),
    nullClass: true,
    normEpsilon: read.epsilon('norm_eps', 1e-5),
  };
  read.only('activation_fn', 'gelu-approximate');
  read.only('attention_bias', true);
  read.only('norm_type', 'ada_norm_zero');
  read.only('norm_elementwise_affine', false);
  for (const key of ['cross_attention_dim', 'num_vector_embeds']) read.only(key, null);
  for (const key of ['double_self_attention', 'only_cross_attention', 'use_linear_projection'])
    read.only(key, false);
  read.ignore('dropout', 'norm_num_groups', 'upcast_attention', 'attention_type');
  read.finish();
  read.require(
    hiddenSize % 4 === 0 && hiddenSize <= 65_536,
    'num_attention_heads times attention_head_dim',
    'a multiple of 4 up to 65536',
    hiddenSize,
  );
  read.require(
    config.inputSize % config.patchSize === 0,
    'sample_size',
    `a multiple of patch_size ${config.patchSize}`,
    config.inputSize,
  );
  return config;
}
