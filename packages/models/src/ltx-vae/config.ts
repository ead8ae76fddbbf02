import { type ConfigReader, readConfig } from '../config-reader.js';

/** How a level of the encoder gets smaller: by a convolution with stride, or by moving pixels or frames into channels. */
export type LtxDownsample = 'conv' | 'spatial' | 'temporal' | 'spatiotemporal';

/** A level of the encoder. */
export interface LtxDownLevel {
  readonly width: number;
  /** Channels behind it. */
  readonly out: number;
  readonly layers: number;
  /** Null where it keeps the size. */
  readonly downsample: LtxDownsample | null;
  /** Whether a resnet, and not the downsampling, leads to other channels. */
  readonly convOut: boolean;
}

/** A level of the decoder. */
export interface LtxUpLevel {
  /** Channels before it. */
  readonly from: number;
  /** Of its resnets. */
  readonly width: number;
  readonly layers: number;
  /** Whether it doubles frames, rows and columns. */
  readonly upsample: boolean;
  /** Whether its input is added to the upsampling. */
  readonly residual: boolean;
  /** By how much upsampling divides the channels. */
  readonly factor: number;
  readonly noise: boolean;
}

/** Config of an AutoencoderKLLTXVideo: 0.9.0, with timestep conditioning (0.9.1), with shuffled downsampling (0.9.5). */
export interface LtxVaeConfig {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly latentChannels: number;
  /** Rows and columns of pixels that are one place of the first level. */
  readonly patchSize: number;
  /** Of the norms before the resnets' shortcuts. */
  readonly epsilon: number;
  readonly scalingFactor: number;
  readonly down: readonly LtxDownLevel[];
  readonly encoderCausal: boolean;
  readonly encoderMidLayers: number;
  readonly up: readonly LtxUpLevel[];
  readonly decoderCausal: boolean;
  readonly decoderMidLayers: number;
  readonly decoderMidNoise: boolean;
  /** Whether the decoder is told a timestep. */
  readonly timestepConditioning: boolean;
  /** Pixels that one latent covers along each side, and frames behind the first one. */
  readonly space: number;
  readonly time: number;
}

/**
 * Reads the config.json of an AutoencoderKLLTXVideo as diffusers 0.42.1 writes it; absent options have its defaults.
 *
 * @throws BAD_CONFIG naming the option
 */
export function parseLtxVaeConfig(json: unknown): LtxVaeConfig {
  const read = readConfig('ltx-vae', json, 'AutoencoderKLLTXVideo');
  const timestepConditioning = read.flag('timestep_conditioning', false);
  const patchSize = read.integer('patch_size', { most: 64, default: 4 });
  const encoder = readEncoder(read);
  const decoder = readDecoder(read, timestepConditioning);
  const shrunk = 2 ** encoder.down.filter(({ downsample }) => downsample !== null).length;
  const ratio = (key: string, fallback: number) =>
    read.optionalInteger(key, { most: 1024 }) ?? fallback;
  const config: LtxVaeConfig = {
    inChannels: read.integer('in_channels', { most: 4096, default: 3 }),
    outChannels: read.integer('out_channels', { most: 4096, default: 3 }),
    latentChannels: read.integer('latent_channels', { most: 4096, default: 128 }),
    patchSize,
    epsilon: read.epsilon('resnet_norm_eps', 1e-6),
    scalingFactor: read.number('scaling_factor', 1),
    ...encoder,
    encoderCausal: read.flag('encoder_causal', true),
    ...decoder,
    decoderCausal: read.flag('decoder_causal', false),
    timestepConditioning,
    space: ratio('spatial_compression_ratio', patchSize * shrunk),
    time: ratio('temporal_compression_ratio', shrunk),
  };
  read.only('patch_size_t', 1);
  read.finish();
  read.require(config.scalingFactor !== 0, 'scaling_factor', 'other than 0', config.scalingFactor);
  return config;
}

const most = 65_536;
const widths = [128, 256, 512, 512];
const layers = [4, 3, 3, 3, 4];
const scaling = [true, true, true, false];

function requireLength(read: ConfigReader, key: string, list: readonly unknown[], length: number) {
  read.require(list.length === length, key, `${length} entries`, list.length);
}

function readEncoder(read: ConfigReader): Pick<LtxVaeConfig, 'down' | 'encoderMidLayers'> {
  const channels = read.integers('block_out_channels', { most, default: widths });
  const older = Array<'LTXVideoDownBlock3D'>(channels.length).fill('LTXVideoDownBlock3D');
  const blockTypes = ['LTXVideoDownBlock3D', 'LTXVideo095DownBlock3D'] as const;
  const types = read.words('down_block_types', blockTypes, older);
  const isShuffled = types[0] === 'LTXVideo095DownBlock3D';
  const count = channels.length - (isShuffled ? 1 : 0);
  const alike = types.every((type) => type === types[0]);
  read.require(alike, 'down_block_types', 'the same block in all levels', types);
  requireLength(read, 'down_block_types', types, count);
  read.require(count >= 1 && count <= 8, 'block_out_channels', '1 to 8 levels', channels);
  const layersPerBlock = read.integers('layers_per_block', { most: 64, default: layers });
  requireLength(read, 'layers_per_block', layersPerBlock, count + 1);
  const scales = read.flags('spatio_temporal_scaling', scaling);
  requireLength(read, 'spatio_temporal_scaling', scales, count);
  const convolutions = Array<LtxDownsample>(count).fill('conv');
  const kinds = ['conv', 'spatial', 'temporal', 'spatiotemporal'] as const;
  const downsamples = read.words('downsample_type', kinds, convolutions);
  requireLength(read, 'downsample_type', downsamples, count);
  const down = scales.map((scales, level): LtxDownLevel => {
    const width = channels[level];
    const out = channels[level + 1] ?? width;
    const kind = isShuffled ? downsamples[level] : 'conv';
    const downsample = scales ? kind : null;
    if (isShuffled) requireShuffle(read, width, out, downsample);
    const convOut = !isShuffled && width !== out;
    return { width, out, layers: layersPerBlock[level], downsample, convOut };
  });
  return { down, encoderMidLayers: layersPerBlock[count] };
}

/** What a level's convolution gives is spread over the cells of the shuffle, and so is what is averaged beside it. */
function requireShuffle(
  read: ConfigReader,
  width: number,
  out: number,
  downsample: LtxDownsample | null,
): void {
  const key = 'block_out_channels';
  if (downsample === null || downsample === 'conv') {
    read.require(width === out, key, `${width} behind a level that shuffles nothing`, out);
    return;
  }
  const cells = cellsOf(downsample).reduce((a, b) => a * b);
  const good = out % cells === 0 && (width * cells) % out === 0;
  read.require(good, key, `a multiple of ${cells} that divides ${width * cells}`, out);
}

/** Frames, rows and columns that become one. */
export function cellsOf(downsample: LtxDownsample): readonly [t: number, h: number, w: number] {
  const t = downsample === 'spatial' ? 1 : 2;
  const side = downsample === 'temporal' ? 1 : 2;
  return [t, side, side];
}

function readDecoder(
  read: ConfigReader,
  timestepConditioning: boolean,
): Pick<LtxVaeConfig, 'up' | 'decoderMidLayers' | 'decoderMidNoise'> {
  const list = <T>(key: string, values: readonly T[], length: number) => {
    requireLength(read, key, values, length);
    return values.toReversed();
  };
  const stored = read.integers('decoder_block_out_channels', { most, default: widths });
  const count = stored.length;
  read.require(count <= 8, 'decoder_block_out_channels', 'at most 8 levels', count);
  const channels = stored.toReversed();
  const layersKey = 'decoder_layers_per_block';
  const layersPerBlock = list(
    layersKey,
    read.integers(layersKey, { most: 64, default: layers }),
    count + 1,
  );
  const scalingKey = 'decoder_spatio_temporal_scaling';
  const scales = list(scalingKey, read.flags(scalingKey, scaling), count);
  const none = Array<boolean>(count).fill(false);
  const noiseKey = 'decoder_inject_noise';
  const noise = list(noiseKey, read.flags(noiseKey, [...none, false]), count + 1);
  const residual = list('upsample_residual', read.flags('upsample_residual', none), count);
  const ones = Array<number>(count).fill(1);
  const factors = list(
    'upsample_factor',
    read.integers('upsample_factor', { most: 8, default: ones }),
    count,
  );
  let from = channels[0];
  const up = scales.map((upsample, level): LtxUpLevel => {
    const factor = factors[level];
    const width = channels[level] / factor;
    const one: LtxUpLevel = {
      from,
      width,
      layers: layersPerBlock[level + 1],
      upsample,
      residual: residual[level],
      factor,
      noise: noise[level + 1],
    };
    requireUp(read, one, channels[level], timestepConditioning);
    from = width;
    return one;
  });
  return { up, decoderMidLayers: layersPerBlock[0], decoderMidNoise: noise[0] };
}

function requireUp(
  read: ConfigReader,
  { from, width, upsample, residual, factor, noise }: LtxUpLevel,
  channels: number,
  timestepConditioning: boolean,
): void {
  const { require } = read;
  require(8 % factor === 0, 'upsample_factor', '1, 2, 4 or 8', factor);
  const key = 'decoder_block_out_channels';
  require(Number.isInteger(width), key, `a multiple of upsample_factor ${factor}`, channels);
  require(upsample || factor === 1, 'upsample_factor', '1 where nothing is upsampled', factor);
  require(factor === 1 || from === channels, key, `${from} where channels are divided`, channels);
  const eighths = !(upsample && residual) || channels % 8 === 0;
  require(eighths, key, 'a multiple of 8 for upsample_residual', channels);
  const plain = from === channels || !(noise || timestepConditioning);
  require(plain, key, `${from} with noise or a timestep`, channels);
}
