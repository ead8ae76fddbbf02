import { readConfig } from '../config-reader.js';
import type { FluxBlockConfig } from '../flux/block.js';

/** Config of a HunyuanVideo transformer. */
export interface HunyuanConfig extends FluxBlockConfig {
  /** Latents of a token in time, and along height and width. */
  readonly patchSizeT: number;
  readonly patchSize: number;
  readonly inChannels: number;
  readonly outChannels: number;
  /** Blocks with weights of their own for video and text. */
  readonly doubleLayers: number;
  /** Blocks that see both as one. */
  readonly singleLayers: number;
  /** Blocks that the text goes through first. */
  readonly refinerLayers: number;
  readonly textDim: number;
  readonly pooledDim: number;
  /** Whether the guidance scale is an input. */
  readonly guidance: boolean;
  readonly ropeTheta: number;
  /** Parts of a head that turn by a token's frame, row and column. */
  readonly ropeAxes: readonly number[];
  /**
   * How an image is given: as further channels of the latents (`latent_concat`), or as the first latent frame, kept at
   * timestep 0 (`token_replace`).
   */
  readonly imageCondition: 'latent_concat' | 'token_replace' | null;
}

/**
 * Reads the config.json of a HunyuanVideoTransformer3DModel as diffusers 0.42.1 writes it; absent options have its defaults.
 *
 * @throws BAD_CONFIG naming the option
 */
export function parseHunyuanConfig(json: unknown): HunyuanConfig {
  const read = readConfig('hunyuan', json, 'HunyuanVideoTransformer3DModel');
  const heads = read.integer('num_attention_heads', { most: 1024, default: 24 });
  const headDim = read.integer('attention_head_dim', { least: 2, most: 1024, default: 128 });
  const hiddenSize = heads * headDim;
  const mlpRatio = read.number('mlp_ratio', 4);
  const inChannels = read.integer('in_channels', { most: 4096, default: 16 });
  // Null stands for in_channels there, but the default is 16.
  const absent = 'out_channels' in Object(json) ? inChannels : 16;
  const config: HunyuanConfig = {
    patchSizeT: read.integer('patch_size_t', { most: 16, default: 1 }),
    patchSize: read.integer('patch_size', { most: 64, default: 2 }),
    inChannels,
    outChannels: read.optionalInteger('out_channels', { most: 4096 }) ?? absent,
    hiddenSize,
    heads,
    headDim,
    ffnDim: Math.trunc(hiddenSize * mlpRatio),
    qkNorm: read.word('qk_norm', ['rms_norm', null], 'rms_norm') === 'rms_norm',
    doubleLayers: read.integer('num_layers', { most: 1024, default: 20 }),
    singleLayers: read.integer('num_single_layers', { most: 1024, default: 40 }),
    refinerLayers: read.integer('num_refiner_layers', { most: 1024, default: 2 }),
    textDim: read.integer('text_embed_dim', { most: 65_536, default: 4096 }),
    pooledDim: read.integer('pooled_projection_dim', { most: 65_536, default: 768 }),
    guidance: read.flag('guidance_embeds', true),
    ropeTheta: read.number('rope_theta', 256),
    ropeAxes: read.integers('rope_axes_dim', { least: 2, most: 1024, default: [16, 56, 56] }),
    imageCondition: read.word(
      'image_condition_type',
      [null, 'latent_concat', 'token_replace'],
      null,
    ),
  };
  read.finish();
  const width = 'num_attention_heads times attention_head_dim';
  read.require(hiddenSize <= 65_536, width, 'at most 65536', hiddenSize);
  const { ffnDim, ropeTheta, ropeAxes } = config;
  read.require(ffnDim >= 1 && ffnDim <= 1 << 20, 'mlp_ratio', 'above 0, at most 16', mlpRatio);
  read.require(ropeTheta > 0, 'rope_theta', 'above 0', ropeTheta);
  const axes = ropeAxes.length === 3 && ropeAxes.every((axis) => axis % 2 === 0);
  read.require(axes, 'rope_axes_dim', 'three even sizes', ropeAxes);
  const sum = ropeAxes.reduce((total, axis) => total + axis, 0);
  read.require(sum === headDim, 'rope_axes_dim', `sizes that sum to ${headDim}`, ropeAxes);
  return config;
}
