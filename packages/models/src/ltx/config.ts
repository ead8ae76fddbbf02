import { readConfig } from '../config-reader.js';

/** Config of an LTX-Video transformer. */
export interface LtxConfig {
  /** Latent frames of one token, and rows and columns of one; 1 in all that are published. */
  readonly patchSizeT: number;
  readonly patchSize: number;
  /** Channels of the latents: `in_channels` counts those of a whole patch. */
  readonly inChannels: number;
  readonly outChannels: number;
  readonly heads: number;
  /** heads·headDim */
  readonly hiddenSize: number;
  readonly layers: number;
  /** Of the norms before attention and feed-forward. */
  readonly epsilon: number;
  /** Whether queries, keys and values have biases. */
  readonly attentionBias: boolean;
  readonly attentionOutBias: boolean;
  /** Width of the text encoder's output. */
  readonly captionChannels: number;
}

/**
 * Reads the config.json of an LTXVideoTransformer3DModel as diffusers 0.42.1 writes it; absent options have its defaults.
 *
 * @throws BAD_CONFIG naming the option
 */
export function parseLtxConfig(json: unknown): LtxConfig {
  const read = readConfig('ltx', json, 'LTXVideoTransformer3DModel');
  const heads = read.integer('num_attention_heads', { most: 1024, default: 32 });
  const hiddenSize = heads * read.integer('attention_head_dim', { most: 1024, default: 64 });
  const patchSize = read.integer('patch_size', { most: 64, default: 1 });
  const patchSizeT = read.integer('patch_size_t', { most: 64, default: 1 });
  const patch = patchSizeT * patchSize * patchSize;
  const channels = (key: string, fallback: number) => {
    const stored = read.optionalInteger(key, { most: 65_536 }) ?? fallback;
    const whole = stored % patch === 0;
    read.require(whole, key, `a multiple of the ${patch} latents of a patch`, stored);
    return stored / patch;
  };
  const inChannels = channels('in_channels', 128);
  const config: LtxConfig = {
    patchSizeT,
    patchSize,
    inChannels,
    outChannels: channels('out_channels', inChannels * patch),
    heads,
    hiddenSize,
    layers: read.integer('num_layers', { most: 1024, default: 28 }),
    epsilon: read.epsilon('norm_eps', 1e-6),
    attentionBias: read.flag('attention_bias', true),
    attentionOutBias: read.flag('attention_out_bias', true),
    captionChannels: read.integer('caption_channels', { most: 65_536, default: 4096 }),
  };
  const crossDim = read.integer('cross_attention_dim', { most: 65_536, default: 2048 });
  read.only('activation_fn', 'gelu-approximate');
  read.only('norm_elementwise_affine', false);
  read.only('qk_norm', 'rms_norm_across_heads');
  read.finish();
  const width = 'num_attention_heads times attention_head_dim';
  const good = hiddenSize % 2 === 0 && hiddenSize >= 6 && hiddenSize <= 65_536;
  read.require(good, width, 'even, from 6 to 65536', hiddenSize);
  read.require(crossDim === hiddenSize, 'cross_attention_dim', hiddenSize, crossDim);
  return config;
}
