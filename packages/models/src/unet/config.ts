import { type ConfigReader, readConfig } from '../config-reader.js';
import { parseUnet2d } from './image-config.js';
import { parseMotionUnet, parseUnet3d } from './video-config.js';

/** Transformer blocks over the places of a picture, or over the frames of a clip at one place. */
export interface UnetAttention {
  readonly heads: number;
  readonly blocks: number;
  /** Whether both attentions of a block read the text; else the first reads the places themselves. */
  readonly readsTextOnly?: true;
}

/** What follows a resnet. */
export interface UnetLayer {
  /** Among the places of a picture, and to the text. */
  readonly spatial: UnetAttention | null;
  /** Among the frames of a clip. */
  readonly temporal: UnetAttention | null;
}

/** The layers at one size of the picture. */
export interface UnetLevel {
  /** Channels. */
  readonly width: number;
  readonly layers: readonly UnetLayer[];
}

/** What a class label is and how it is embedded. */
export type UnetClasses =
  | { readonly kind: 'table'; readonly count: number }
  | { readonly kind: 'timestep' | 'identity' }
  | { readonly kind: 'projection' | 'simple_projection'; readonly width: number };

/** Config of a U-Net of Stable Diffusion's kind, of pictures or clips. */
export interface UnetConfig {
  readonly inChannels: number;
  readonly outChannels: number;
  /** Sides of the first and the last convolution's kernel, odd. */
  readonly inKernel: number;
  readonly outKernel: number;
  /** Whether latents come in [0, 1]. */
  readonly centerInput: boolean;
  readonly down: readonly UnetLevel[];
  /** One resnet more than layers; null where the model has none. */
  readonly mid: UnetLevel | null;
  readonly up: readonly UnetLevel[];
  /** Whether going down pads on all sides, or only right and below. */
  readonly padsAround: boolean;
  readonly normGroups: number;
  /** Of the norms of resnets and of the last one. */
  readonly epsilon: number;
  /** Whether attention is entered and left by linear layers; else by 1x1 convolutions. */
  readonly linearProjection: boolean;
  /** Width of the time embedding. */
  readonly timeWidth: number;
  readonly flipSinToCos: boolean;
  readonly freqShift: number;
  /** Width of a condition added to the timestep's features (the guidance scale of a consistency model). */
  readonly timeConditionWidth: number | null;
  /** Width of the text as the blocks read it. */
  readonly crossWidth: number;
  /** Width of the text as it is given, where it is projected first. */
  readonly textWidth: number | null;
  readonly classes: UnetClasses | null;
  /** Pooled text and sizes (SDXL): width of a size's features, and of all together. */
  readonly sizeConditions: { readonly features: number; readonly width: number } | null;
  /** Text to video: convolutions and attention over frames, the first of it with 8 heads of this size. */
  readonly videoHeadDim: number | null;
  /** AnimateDiff: how many frames its motion modules have positions for. */
  readonly motionFrames: number | null;
}

/**
 * Reads the config.json of a UNet2DConditionModel, UNet3DConditionModel or UNetMotionModel as diffusers 0.42.1 writes it; absent
 * options have its defaults. Refused are the forms of other families: Kandinsky's, DeepFloyd's, GLIGEN's, audio's.
 *
 * @throws BAD_CONFIG naming the option
 */
export function parseUnetConfig(json: unknown): UnetConfig {
  const read = readConfig('unet', json);
  const classes = ['UNet2DConditionModel', 'UNet3DConditionModel', 'UNetMotionModel'] as const;
  const parsers = {
    UNet2DConditionModel: parseUnet2d,
    UNet3DConditionModel: parseUnet3d,
    UNetMotionModel: parseMotionUnet,
  };
  const config = parsers[read.word('_class_name', classes, 'UNet2DConditionModel')](read);
  read.finish();
  check(read, config);
  return config;
}

function check(read: ConfigReader, { down, mid, up, normGroups, freqShift }: UnetConfig): void {
  const levels = [...down, ...(mid ? [mid] : []), ...up];
  const multiples = `multiples of norm_num_groups ${normGroups}`;
  const widths = down.map(({ width }) => width);
  const divides = widths.every((width) => width % normGroups === 0);
  read.require(divides, 'block_out_channels', multiples, widths);
  const good = freqShift < Math.floor(widths[0] / 2);
  read.require(good, 'freq_shift', 'below half of the first width', freqShift);
  for (const { width, layers } of levels) {
    for (const attention of layers.flatMap(({ spatial, temporal }) => [spatial, temporal])) {
      const whole = attention === null || width % attention.heads === 0;
      read.require(whole, `attention heads at width ${width}`, 'a divisor', attention?.heads);
    }
  }
}
