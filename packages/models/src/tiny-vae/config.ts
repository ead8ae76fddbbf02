import { readConfig } from '../config-reader.js';

/** Config of an AutoencoderTiny (TAESD). */
export interface TinyVaeConfig {
  /** Whose names the files have: diffusers' (one file, pictures in [-1, 1]) or the original's (two files, pictures in [0, 1]). */
  readonly layout: 'diffusers' | 'original';
  readonly inChannels: number;
  readonly outChannels: number;
  readonly latentChannels: number;
  readonly width: number;
  /** Blocks of each level; every level of the encoder but the first halves the picture. */
  readonly encoderBlocks: readonly number[];
  readonly decoderBlocks: readonly number[];
  /** The blocks at the latents' size have group-normed 1x1 convolutions of their own (FLUX.2's). */
  readonly pooled: boolean;
  readonly scalingFactor: number;
}

/** The tiny autoencoder of FLUX.2: madebyollin/taesd taef2_encoder and taef2_decoder. */
export const taef2: TinyVaeConfig = {
  layout: 'original',
  inChannels: 3,
  outChannels: 3,
  latentChannels: 32,
  width: 64,
  encoderBlocks: [1, 3, 3, 3],
  decoderBlocks: [3, 3, 3, 1],
  pooled: true,
  scalingFactor: 1,
};

/**
 * Reads the config.json of an AutoencoderTiny as diffusers 0.42.1 writes it; absent options have its defaults. All levels are
 * of one width, as its convolutions demand.
 *
 * @throws BAD_CONFIG naming the option
 */
export function parseTinyVaeConfig(json: unknown): TinyVaeConfig {
  const read = readConfig('tiny-vae', json, 'AutoencoderTiny');
  const wide = { most: 65_536, default: [64, 64, 64, 64] };
  const encoderWidths = read.integers('encoder_block_out_channels', wide);
  const decoderWidths = read.integers('decoder_block_out_channels', wide);
  const blocks = { most: 64, least: 1 };
  const config: TinyVaeConfig = {
    layout: 'diffusers',
    inChannels: read.integer('in_channels', { most: 4096, default: 3 }),
    outChannels: read.integer('out_channels', { most: 4096, default: 3 }),
    latentChannels: read.integer('latent_channels', { most: 4096, default: 4 }),
    width: encoderWidths[0],
    encoderBlocks: read.integers('num_encoder_blocks', { ...blocks, default: [1, 3, 3, 3] }),
    decoderBlocks: read.integers('num_decoder_blocks', { ...blocks, default: [3, 3, 3, 1] }),
    pooled: false,
    scalingFactor: read.number('scaling_factor', 1),
  };
  read.only('act_fn', 'relu');
  read.only('upsample_fn', 'nearest');
  read.only('upsampling_scaling_factor', 2);
  read.only('shift_factor', 0);
  read.ignore('block_out_channels', 'force_upcast', 'latent_magnitude', 'latent_shift');
  read.finish();
  for (const [key, widths, counts] of [
    ['encoder_block_out_channels', encoderWidths, config.encoderBlocks],
    ['decoder_block_out_channels', decoderWidths, config.decoderBlocks],
  ] as const) {
    const same = widths.every((width) => width === config.width);
    read.require(same, key, `${config.width} in all levels`, widths);
    read.require(widths.length === counts.length, key, `${counts.length} levels`, widths.length);
  }
  return config;
}
