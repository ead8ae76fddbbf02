import { readConfig } from '../config-reader.js';

/** Config of AutoencoderKLMochi. */
export interface MochiVaeConfig {
  /** Channels of a picture. */
  readonly inChannels: number;
  readonly outChannels: number;
  readonly latentChannels: number;
  /** Width of each level, from the pictures' to the latents'. */
  readonly encoderWidths: readonly number[];
  readonly decoderWidths: readonly number[];
  /** Resnets of the levels, and last of the block beside the latents. */
  readonly layers: readonly number[];
  /** Which of these blocks of the encoder attend over time. */
  readonly attention: readonly boolean[];
  /** By how much time and each side are reduced between levels. */
  readonly timeFactors: readonly number[];
  readonly spaceFactors: readonly number[];
  /** Normalised latents are (mean - latentsMean) / latentsStd·scale. */
  readonly latentsMean: readonly number[];
  readonly latentsStd: readonly number[];
  readonly scalingFactor: number;
}

/** Channels of a group norm's group come 32 to all; an attention head has as many. */
export const normGroups = 32;

/** A picture's value, and the sine and cosine of it at two frequencies. */
export const featuresPerChannel = 5;

const latentsMean = [
  -0.06730895953510081, -0.038011381506090416, -0.07477820912866141, -0.05565264470995561,
  0.012767231469026969, -0.04703542746246419, 0.043896967884726704, -0.09346305707025976,
  -0.09918314763016893, -0.008729793427399178, -0.011931556316503654, -0.0321993391887285,
];
const latentsStd = [
  0.9263795028493863, 0.9248894543193766, 0.9393059390890617, 0.959253732819592, 0.8244560132752793,
  0.917259975397747, 0.9294154431013696, 1.3720942357788521, 0.881393668867029, 0.9168315692124348,
  0.9185249279345552, 0.9274757570805041,
];

/**
 * Reads the config.json of an AutoencoderKLMochi as diffusers 0.42.1 writes it; absent options have its defaults.
 *
 * @throws BAD_CONFIG naming the option
 */
export function parseMochiVaeConfig(json: unknown): MochiVaeConfig {
  const read = readConfig('mochi-vae', json, 'AutoencoderKLMochi');
  const widths = (key: string, fallback: readonly number[]) =>
    read.integers(key, { most: 65_536, default: fallback });
  const features = read.integer('in_channels', { most: 4096, default: 15 });
  const config: MochiVaeConfig = {
    inChannels: features / featuresPerChannel,
    outChannels: read.integer('out_channels', { most: 4096, default: 3 }),
    latentChannels: read.integer('latent_channels', { most: 4096, default: 12 }),
    encoderWidths: widths('encoder_block_out_channels', [64, 128, 256, 384]),
    decoderWidths: widths('decoder_block_out_channels', [128, 256, 512, 768]),
    layers: read.integers('layers_per_block', { most: 64, default: [3, 3, 4, 6, 3] }),
    attention: read.flags('add_attention_block', [false, true, true, true, true]),
    timeFactors: read.integers('temporal_expansions', { most: 16, default: [1, 2, 3] }),
    spaceFactors: read.integers('spatial_expansions', { most: 2, default: [2, 2, 2] }),
    latentsMean: read.numbers('latents_mean', latentsMean),
    latentsStd: read.numbers('latents_std', latentsStd),
    scalingFactor: read.number('scaling_factor', 1),
  };
  read.word('act_fn', ['silu', 'swish'], 'silu');
  read.finish();

  const { require } = read;
  const multiple = `a multiple of ${featuresPerChannel}, the features of a value`;
  require(Number.isInteger(config.inChannels), 'in_channels', multiple, features);
  const levels = config.encoderWidths.length;
  require(levels >= 2 && levels <= 8, 'encoder_block_out_channels', '2 to 8 levels', levels);
  const lists = {
    decoder_block_out_channels: [config.decoderWidths, levels],
    layers_per_block: [config.layers, levels + 1],
    add_attention_block: [config.attention, levels + 1],
    temporal_expansions: [config.timeFactors, levels - 1],
    spatial_expansions: [config.spaceFactors, levels - 1],
    latents_mean: [config.latentsMean, config.latentChannels],
    latents_std: [config.latentsStd, config.latentChannels],
  } as const;
  for (const [key, [list, length]] of Object.entries(lists))
    require(list.length === length, key, `a list of ${length}`, list.length);
  for (const key of ['encoder', 'decoder'] as const) {
    const given = config[`${key}Widths`];
    const divides = given.every((width) => width % normGroups === 0);
    require(divides, `${key}_block_out_channels`, `multiples of ${normGroups}`, given);
  }
  const { latentsStd: std, scalingFactor } = config;
  require(std.every((value) => value > 0), 'latents_std', 'above 0', std);
  require(scalingFactor !== 0, 'scaling_factor', 'other than 0', scalingFactor);
  return config;
}

/** How many pixels one latent covers along each side, and how many frames behind the first one. */
export function mochiVaeFactors({ timeFactors, spaceFactors }: MochiVaeConfig) {
  const product = (factors: readonly number[]) => factors.reduce((a, b) => a * b, 1);
  return { time: product(timeFactors), space: product(spaceFactors) };
}
