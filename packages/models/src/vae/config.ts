import { readConfig } from '../config-reader.js';

/** Config of AutoencoderKLWan, both generations. */
export interface WanVaeConfig {
  readonly encoderDim: number;
  readonly decoderDim: number;
  /** Channels of the latents. */
  readonly latentChannels: number;
  /** Width of each level in units of encoderDim or decoderDim. */
  readonly dimMult: readonly number[];
  readonly resBlocks: number;
  /** Which of the downsamplings, one fewer than levels, also halve time. */
  readonly temporal: readonly boolean[];
  /** The 2.2 form: averaged and repeated shortcuts around each level. */
  readonly residual: boolean;
  /** Channels of a picture before patches; 3 for RGB. */
  readonly inChannels: number;
  readonly outChannels: number;
  /** Pixels of a picture's patch along each side; 1 without patches. */
  readonly patchSize: number;
  readonly latentsMean: readonly number[];
  readonly latentsStd: readonly number[];
}

const latentsMean = [
  -0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508, 0.4134, -0.0715, 0.5517,
  -0.3632, -0.1922, -0.9497, 0.2503, -0.2921,
];
const latentsStd = [
  2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743, 3.2687, 2.1526, 2.8652, 1.5579,
  1.6382, 1.1253, 2.8251, 1.916,
];

/**
 * Reads the config.json of an AutoencoderKLWan as diffusers 0.42.1 writes it; absent options have its defaults.
 * in_channels and out_channels count a patch's pixels there and are divided here.
 *
 * @throws BAD_CONFIG naming the option
 */
export function parseWanVaeConfig(json: unknown): WanVaeConfig {
  const read = readConfig('wan-vae', json, 'AutoencoderKLWan');
  const encoderDim = read.integer('base_dim', { most: 4096, default: 96 });
  const dimMult = read.integers('dim_mult', { most: 64, default: [1, 2, 4, 4] });
  const patchSize = read.optionalInteger('patch_size', { most: 16 }) ?? 1;
  const channels = (key: string) => {
    const stored = read.integer(key, { most: 4096, default: 3 });
    const perPixel = stored / (patchSize * patchSize);
    read.require(
      Number.isInteger(perPixel),
      key,
      `a multiple of patch_size², ${patchSize * patchSize}`,
      stored,
    );
    return perPixel;
  };
  const config: WanVaeConfig = {
    encoderDim,
    decoderDim: read.optionalInteger('decoder_base_dim', { most: 4096 }) ?? encoderDim,
    latentChannels: read.integer('z_dim', { most: 4096, default: 16 }),
    dimMult,
    resBlocks: read.integer('num_res_blocks', { most: 64, default: 2 }),
    temporal: read.flags('temperal_downsample', [false, true, true]),
    residual: read.flag('is_residual', false),
    inChannels: channels('in_channels'),
    outChannels: channels('out_channels'),
    patchSize,
    latentsMean: read.numbers('latents_mean', latentsMean),
    latentsStd: read.numbers('latents_std', latentsStd),
  };
  read.only('attn_scales', []);
  read.ignore('dropout', 'clip_output', 'scale_factor_spatial', 'scale_factor_temporal');
  read.finish();

  const { temporal, latentChannels } = config;
  read.require(dimMult.length <= 8, 'dim_mult', 'at most 8 levels', dimMult.length);
  read.require(
    temporal.length === dimMult.length - 1,
    'temperal_downsample',
    `${dimMult.length - 1} flags, one fewer than dim_mult`,
    temporal,
  );
  for (const [key, list] of [
    ['latents_mean', config.latentsMean],
    ['latents_std', config.latentsStd],
  ] as const) {
    read.require(
      list.length === latentChannels,
      key,
      `${latentChannels} numbers, one per latent channel`,
      list.length,
    );
  }
  read.require(
    config.latentsStd.every((std) => std > 0),
    'latents_std',
    'above 0',
    config.latentsStd,
  );
  const widest = Math.max(...dimMult) * Math.max(encoderDim, config.decoderDim);
  read.require(widest <= 65_536, 'base_dim times dim_mult', 'at most 65536', widest);
  if (config.residual) requireShortcuts(config, read.require);
  return config;
}

/** The 2.2 shortcuts average or repeat whole channels: the levels' widths must divide. */
function requireShortcuts(
  config: WanVaeConfig,
  require: ReturnType<typeof readConfig>['require'],
): void {
  const { temporal } = config;
  const down = levelWidths(config, 'encoder');
  const up = levelWidths(config, 'decoder');
  const last = config.dimMult.length - 1;
  for (let level = 0; level <= last; level++) {
    const factor = level === last ? 1 : temporal[level] ? 8 : 4;
    const group = (down[level] * factor) / down[level + 1];
    require(Number.isInteger(
      group,
    ), 'dim_mult', `widths that the shortcut of encoder level ${level} can average`, config.dimMult);
    if (level === last) break;
    const repeats = (up[level + 1] * (temporal[last - 1 - level] ? 8 : 4)) / up[level];
    require(Number.isInteger(
      repeats,
    ), 'dim_mult', `widths that the shortcut of decoder level ${level} can repeat`, config.dimMult);
  }
}

/** Channels before the first level and after each, in the order the levels run. */
export function levelWidths(config: WanVaeConfig, part: 'encoder' | 'decoder'): readonly number[] {
  const { dimMult, encoderDim, decoderDim } = config;
  if (part === 'encoder') return [1, ...dimMult].map((mult) => mult * encoderDim);
  return [dimMult.at(-1)!, ...dimMult.toReversed()].map((mult) => mult * decoderDim);
}

/** How much smaller latents are than pictures, in time (after the first frame) and along each side. */
export function vaeFactors(config: WanVaeConfig): {
  readonly time: number;
  readonly space: number;
} {
  const time = 2 ** config.temporal.filter(Boolean).length;
  return { time, space: 2 ** config.temporal.length * config.patchSize };
}
