import { readConfig } from '../config-reader.js';
import type { FluxBlockConfig } from './block.js';

/** Config of a FLUX.1 transformer, dev and schnell. */
export interface FluxConfig extends FluxBlockConfig {
  /** Values of a token: channels of the latents times the pipeline's 2x2 patch. */
  readonly inChannels: number;
  readonly outChannels: number;
  /** Blocks with weights of their own for image and text. */
  readonly doubleLayers: number;
  /** Blocks that see both as one. */
  readonly singleLayers: number;
  readonly textDim: number;
  readonly pooledDim: number;
  /** Whether the guidance scale is an input (dev). */
  readonly guidance: boolean;
  /** Parts of a head that turn by each of a token's three positions. */
  readonly ropeAxes: readonly number[];
}

/**
 * Reads the config.json of a FluxTransformer2DModel as diffusers 0.42.1 writes it; absent options have its defaults.
 *
 * @throws BAD_CONFIG naming the option
 */
export function parseFluxConfig(json: unknown): FluxConfig {
  const read = readConfig('flux', json, 'FluxTransformer2DModel');
  const heads = read.integer('num_attention_heads', { most: 1024, default: 24 });
  const headDim = read.integer('attention_head_dim', { least: 2, most: 1024, default: 128 });
  const inChannels = read.integer('in_channels', { most: 4096, default: 64 });
  const patchSize = read.integer('patch_size', { most: 16, default: 1 });
  const out = read.optionalInteger('out_channels', { most: 4096 }) ?? inChannels;
  const config: FluxConfig = {
    inChannels,
    outChannels: patchSize * patchSize * out,
    hiddenSize: heads * headDim,
    heads,
    headDim,
    ffnDim: 4 * heads * headDim,
    qkNorm: true,
    doubleLayers: read.integer('num_layers', { most: 1024, default: 19 }),
    singleLayers: read.integer('num_single_layers', { most: 1024, default: 38 }),
    textDim: read.integer('joint_attention_dim', { most: 65_536, default: 4096 }),
    pooledDim: read.integer('pooled_projection_dim', { most: 65_536, default: 768 }),
    guidance: read.flag('guidance_embeds', false),
    ropeAxes: read.integers('axes_dims_rope', { least: 2, most: 1024, default: [16, 56, 56] }),
  };
  read.finish();
  const width = 'num_attention_heads times attention_head_dim';
  read.require(config.hiddenSize <= 65_536, width, 'at most 65536', config.hiddenSize);
  const { ropeAxes } = config;
  const axes = ropeAxes.length === 3 && ropeAxes.every((axis) => axis % 2 === 0);
  read.require(axes, 'axes_dims_rope', 'three even sizes', ropeAxes);
  const sum = ropeAxes.reduce((total, axis) => total + axis, 0);
  read.require(sum === headDim, 'axes_dims_rope', `sizes that sum to ${headDim}`, ropeAxes);
  return config;
}
