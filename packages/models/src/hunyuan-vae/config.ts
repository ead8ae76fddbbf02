import { readConfig } from '../config-reader.js';

/** Config of AutoencoderKLHunyuanVideo. */
export interface HunyuanVaeConfig {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly latentChannels: number;
  /** Width of each level. */
  readonly widths: readonly number[];
  readonly layersPerBlock: number;
  readonly normGroups: number;
  readonly midAttention: boolean;
  /** Levels, counted from the first that runs, that halve or double height and width. */
  readonly spaceLevels: number;
  /** Scaled latents are mean·scale. */
  readonly scalingFactor: number;
}

/** How much smaller latents are than pictures in time, after the first frame. */
export const timeFactor = 4;

/**
 * Reads the config.json of an AutoencoderKLHunyuanVideo as diffusers 0.42.1 writes it; absent options have its defaults.
 *
 * @throws BAD_CONFIG naming the option
 */
export function parseHunyuanVaeConfig(json: unknown): HunyuanVaeConfig {
  const read = readConfig('hunyuan-vae', json, 'AutoencoderKLHunyuanVideo');
  const widths = read.integers('block_out_channels', {
    most: 65_536,
    default: [128, 256, 512, 512],
  });
  const spaceFactor = read.integer('spatial_compression_ratio', { most: 256, default: 8 });
  const config: HunyuanVaeConfig = {
    inChannels: read.integer('in_channels', { most: 4096, default: 3 }),
    outChannels: read.integer('out_channels', { most: 4096, default: 3 }),
    latentChannels: read.integer('latent_channels', { most: 4096, default: 16 }),
    widths,
    layersPerBlock: read.integer('layers_per_block', { most: 64, default: 2 }),
    normGroups: read.integer('norm_num_groups', { most: 4096, default: 32 }),
    midAttention: read.flag('mid_block_add_attention', true),
    spaceLevels: Math.log2(spaceFactor),
    scalingFactor: read.number('scaling_factor', 0.476986),
  };
  const levels = widths.length;
  const blocks = (key: string, block: string) => {
    const given = read.words(key, [block], Array<string>(4).fill(block));
    read.require(given.length === levels, key, `${levels} blocks`, given.length);
  };
  blocks('down_block_types', 'HunyuanVideoDownBlock3D');
  blocks('up_block_types', 'HunyuanVideoUpBlock3D');
  read.word('act_fn', ['silu', 'swish'], 'silu');
  // Its decoder has no other.
  read.only('temporal_compression_ratio', timeFactor);
  read.finish();

  const { normGroups, spaceLevels, scalingFactor } = config;
  read.require(levels >= 3 && levels <= 8, 'block_out_channels', '3 to 8 levels', levels);
  const halves = Number.isInteger(spaceLevels) && spaceLevels <= levels;
  const powers = `a power of 2 up to ${2 ** levels}`;
  read.require(halves, 'spatial_compression_ratio', powers, spaceFactor);
  const divides = widths.every((width) => width % normGroups === 0);
  const multiples = `multiples of norm_num_groups ${normGroups}`;
  read.require(divides, 'block_out_channels', multiples, widths);
  read.require(scalingFactor !== 0, 'scaling_factor', 'other than 0', scalingFactor);
  return config;
}

/** How much smaller latents are than pictures along each side. */
export function spaceFactorOf({ spaceLevels }: HunyuanVaeConfig): number {
  return 2 ** spaceLevels;
}

/** By how much a level of the encoder reduces, or one of the decoder enlarges, time and each side. */
export function levelFactors(
  { widths, spaceLevels }: HunyuanVaeConfig,
  level: number,
): { readonly time: 1 | 2; readonly space: 1 | 2 } {
  const last = widths.length - 1;
  return {
    time: level >= last - 2 && level < last ? 2 : 1,
    space: level < spaceLevels ? 2 : 1,
  };
}
