import { readConfig } from '../config-reader.js';

/** Config of an AutoencoderKL: Stable Diffusion, SD3, FLUX. */
export interface KlVaeConfig {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly latentChannels: number;
  /** Width of each level; every level but the last halves the picture. */
  readonly widths: readonly number[];
  readonly layersPerBlock: number;
  readonly normGroups: number;
  readonly midAttention: boolean;
  readonly quantConv: boolean;
  readonly postQuantConv: boolean;
  /** Normalised latents are (mean - shift)·scale. */
  readonly scalingFactor: number;
  readonly shiftFactor: number;
  /** Side of a tile in pixels, where a picture is cut into tiles. */
  readonly sampleSize: number;
}

/**
 * Reads the config.json of an AutoencoderKL as diffusers 0.42.1 writes it; absent options have its defaults.
 *
 * @throws BAD_CONFIG naming the option
 */
export function parseKlVaeConfig(json: unknown): KlVaeConfig {
  const read = readConfig('kl-vae', json, 'AutoencoderKL');
  const widths = read.integers('block_out_channels', { most: 65_536, default: [64] });
  const config: KlVaeConfig = {
    inChannels: read.integer('in_channels', { most: 4096, default: 3 }),
    outChannels: read.integer('out_channels', { most: 4096, default: 3 }),
    latentChannels: read.integer('latent_channels', { most: 4096, default: 4 }),
    widths,
    layersPerBlock: read.integer('layers_per_block', { most: 64, default: 1 }),
    normGroups: read.integer('norm_num_groups', { most: 4096, default: 32 }),
    midAttention: read.flag('mid_block_add_attention', true),
    quantConv: read.flag('use_quant_conv', true),
    postQuantConv: read.flag('use_post_quant_conv', true),
    scalingFactor: read.number('scaling_factor', 0.18215),
    shiftFactor: 'shift_factor' in Object(json) ? shiftOf(json, read) : 0,
    sampleSize: read.integer('sample_size', { most: 65_536, default: 32 }),
  };
  const down = read.words('down_block_types', ['DownEncoderBlock2D'], ['DownEncoderBlock2D']);
  const up = read.words('up_block_types', ['UpDecoderBlock2D'], ['UpDecoderBlock2D']);
  read.only('act_fn', 'silu');
  for (const key of ['latents_mean', 'latents_std']) read.only(key, null);
  read.ignore('force_upcast', 'shift_factor');
  read.finish();

  const levels = widths.length;
  read.require(levels <= 8, 'block_out_channels', 'at most 8 levels', levels);
  read.require(down.length === levels, 'down_block_types', `${levels} blocks`, down.length);
  read.require(up.length === levels, 'up_block_types', `${levels} blocks`, up.length);
  const { normGroups } = config;
  const divides = widths.every((width) => width % normGroups === 0);
  const multiples = `multiples of norm_num_groups ${normGroups}`;
  read.require(divides, 'block_out_channels', multiples, widths);
  read.require(config.scalingFactor !== 0, 'scaling_factor', 'other than 0', config.scalingFactor);
  return config;
}

/** Null stands for no shift. */
function shiftOf(json: unknown, read: ReturnType<typeof readConfig>): number {
  return (json as Record<string, unknown>).shift_factor === null
    ? 0
    : read.number('shift_factor', 0);
}

/** How much smaller latents are than pictures, along each side. */
export function klVaeFactor({ widths }: KlVaeConfig): number {
  return 2 ** (widths.length - 1);
}
