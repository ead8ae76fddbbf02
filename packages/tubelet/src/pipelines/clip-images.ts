import {
  clipImageTokens,
  clipVisionCheckpoint,
  clipVisionEncoder,
  packClipImages,
  parseClipVisionConfig,
} from '@tubelet/models';
import {
  type Device,
  growingPlan,
  type Precision,
  type RunOptions,
  type Weights,
} from '@tubelet/runtime';
import { TubeletError } from '../errors.js';
import { type Preprocessing, parsePreprocessing, preprocess } from '../media/preprocess.js';
import type { RgbImage } from '../media/rgb-image.js';
import { joined } from './model-calls.js';
import { type ModelFolder, openComponent } from './model-folder.js';
import { runPlan } from './run-plan.js';

/** A CLIP vision encoder with the preprocessing of its images. */
export interface ClipImages {
  readonly dim: number;
  /** Of one image. */
  readonly tokens: number;
  readonly weights: Weights;
  /** @returns the hidden states of all images one after another, [images·tokens, dim] */
  encode(images: readonly RgbImage[], options?: RunOptions): Promise<Float32Array>;
}

export interface ClipImagesOptions {
  /** How many of the last blocks are left out, and with them the final norm. */
  readonly skipped: number;
  readonly precision: Precision;
}

/** Of the folders `image_encoder` and `image_processor`. */
export async function loadClipImages(
  device: Device,
  folder: ModelFolder,
  { skipped, precision }: ClipImagesOptions,
): Promise<ClipImages> {
  const { config, weights } = await openComponent(
    folder,
    'image_encoder',
    parseClipVisionConfig,
    clipVisionCheckpoint,
  );
  const how = await readPreprocessing(folder, config.imageSize);
  const blocks = Math.max(config.layers - skipped, 0);
  const plan = growingPlan(device, clipVisionEncoder(config, { blocks }), weights, { precision });
  const { hiddenSize: dim } = config;
  return {
    dim,
    tokens: clipImageTokens(config),
    weights,
    async encode(images, options) {
      const { inputs: packed, sizes } = packClipImages(config, images.length);
      const { classIndex: _, ...used } = packed;
      const pixels = joined(images.map((image) => preprocess(image, how).pixels));
      const given = { inputs: { ...used, pixels }, sizes: { ...sizes } };
      const output = { output: 'hidden', elements: sizes.tokens * dim };
      return runPlan(device, plan, given, output, options);
    },
  };
}

/** @throws TubeletError BAD_CONFIG where images do not come out as the encoder takes them */
export async function readPreprocessing(folder: ModelFolder, side: number): Promise<Preprocessing> {
  const json = await folder.json('image_processor', 'preprocessor_config.json');
  const how = parsePreprocessing(json, 'clip', { height: side, width: side });
  const { crop, size } = how;
  const out = crop ?? (size && 'height' in size ? size : undefined);
  if (out?.height === side && out.width === side) return how;
  const got = out ? `${out.width}x${out.height}` : 'images of their own size';
  const message = `crop_size must be = ${side}x${side} for the image encoder, got ${got}`;
  throw new TubeletError('BAD_CONFIG', 'preprocessor_config.json', message);
}
