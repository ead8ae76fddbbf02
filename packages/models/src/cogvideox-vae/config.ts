import { readConfig } from '../config-reader.js';

/** Config of an AutoencoderKLCogVideoX. */
export interface CogvideoxVaeConfig {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly latentChannels: number;
  /** Width of each level; every level but the last halves the picture. */
  readonly widths: readonly number[];
  readonly layersPerBlock: number;
  readonly normGroups: number;
  /** Of the norms of the encoder's resnets. */
  readonly epsilon: number;
  /** How many levels also halve time. */
  readonly temporalLevels: number;
  /** Normalised latents are latents·scale; those of an image that conditions 1.5 are divided instead (`invert_scale_latents`). */
  readonly scalingFactor: number;
  readonly invertScale: boolean;
  /** Pictures it was trained on; a tile is half of that along each side. */
  readonly sampleHeight: number;
  readonly sampleWidth: number;
}

/**
 * Reads the config.json of an AutoencoderKLCogVideoX as diffusers 0.42.1 writes it; absent options have its defaults. Quant
 * convolutions are refused: the original gives them a size that does not fit.
 *
 * @throws BAD_CONFIG naming the option
 */
export function parseCogvideoxVaeConfig(json: unknown): CogvideoxVaeConfig {
  const read = readConfig('cogvideox-vae', json, 'AutoencoderKLCogVideoX');
  const widths = read.integers('block_out_channels', {
    most: 65_536,
    default: [128, 256, 256, 512],
  });
  const levels = widths.length;
  const ratio = read.integer('temporal_compression_ratio', { most: 64, default: 4 });
  const temporalLevels = Math.log2(ratio);
  const config: CogvideoxVaeConfig = {
    inChannels: read.integer('in_channels', { most: 4096, default: 3 }),
    outChannels: read.integer('out_channels', { most: 4096, default: 3 }),
    latentChannels: read.integer('latent_channels', { most: 4096, default: 16 }),
    widths,
    layersPerBlock: read.integer('layers_per_block', { most: 64, default: 3 }),
    normGroups: read.integer('norm_num_groups', { most: 4096, default: 32 }),
    epsilon: read.epsilon('norm_eps', 1e-6),
    temporalLevels,
    scalingFactor: read.number('scaling_factor', 1.15258426),
    invertScale: read.flag('invert_scale_latents', false),
    sampleHeight: read.integer('sample_height', { most: 65_536, default: 480 }),
    sampleWidth: read.integer('sample_width', { most: 65_536, default: 720 }),
  };
  const blocks = (key: string, block: string) => {
    const types = read.words(key, [block], Array<string>(4).fill(block));
    read.require(types.length === levels, key, `${levels} blocks`, types.length);
  };
  blocks('down_block_types', 'CogVideoXDownBlock3D');
  blocks('up_block_types', 'CogVideoXUpBlock3D');
  read.only('act_fn', 'silu');
  for (const key of ['use_quant_conv', 'use_post_quant_conv']) read.only(key, false);
  for (const key of ['shift_factor', 'latents_mean', 'latents_std']) read.only(key, null);
  read.ignore('force_upcast');
  read.finish();

  const { require } = read;
  require(levels <= 8, 'block_out_channels', 'at most 8 levels', levels);
  const most = 2 ** (levels - 1);
  const whole = Number.isInteger(temporalLevels) && ratio <= most;
  require(whole, 'temporal_compression_ratio', `a power of 2 up to ${most}`, ratio);
  const { normGroups, scalingFactor } = config;
  const multiples = `multiples of norm_num_groups ${normGroups}`;
  const divides = widths.every((width) => width % normGroups === 0);
  require(divides, 'block_out_channels', multiples, widths);
  require(scalingFactor !== 0, 'scaling_factor', 'other than 0', scalingFactor);
  return config;
}

/** How many pixels one latent covers along each side, and how many frames behind the first one. */
export function cogvideoxVaeFactors({ widths, temporalLevels }: CogvideoxVaeConfig) {
  return { space: 2 ** (widths.length - 1), time: 2 ** temporalLevels };
}
