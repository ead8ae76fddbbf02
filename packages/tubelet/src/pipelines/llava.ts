import {
  llavaCheckpoint,
  llavaEncoder,
  llavaImages,
  llavaImageTokens,
  packLlavaImages,
  packLlavaTexts,
  parseLlavaConfig,
} from '@tubelet/models';
import {
  type Device,
  growingPlan,
  type Precision,
  type RunOptions,
  type Weights,
} from '@tubelet/runtime';
import { preprocess } from '../media/preprocess.js';
import type { RgbImage } from '../media/rgb-image.js';
import { loadTokenizer, type Tokenizer } from '../text/index.js';
import { readPreprocessing } from './clip-images.js';
import { type ModelFolder, openComponent } from './model-folder.js';
import { runPlan } from './run-plan.js';

/** A text with one image in it. */
export interface LlavaText {
  /** The image as one image token. */
  readonly ids: readonly number[];
  readonly image: RgbImage;
}

/** A Llava that encodes texts with an image in them, with its tokenizer. */
export interface LlavaEncoder {
  readonly tokenizer: Tokenizer;
  readonly dim: number;
  /** The id that stands for an image, and as how many tokens it is encoded. */
  readonly imageToken: number;
  readonly imageTokens: number;
  readonly weights: Weights;
  /** @returns [tokens, dim] of each text, its image's tokens included; run without padding */
  encode(texts: readonly LlavaText[], options?: RunOptions): Promise<readonly Float32Array[]>;
}

export interface LlavaOptions {
  /** How many of the last blocks are left out. */
  readonly skipped: number;
  readonly precision: Precision;
  readonly imagePrecision: Precision;
}

/** Of the folders `text_encoder`, `tokenizer` and `image_processor`. */
export async function loadLlava(
  device: Device,
  folder: ModelFolder,
  { skipped, precision, imagePrecision }: LlavaOptions,
): Promise<LlavaEncoder> {
  const [{ config, weights }, tokenizer] = await Promise.all([
    openComponent(folder, 'text_encoder', parseLlavaConfig, llavaCheckpoint),
    loadTokenizer(folder.path('tokenizer')),
  ]);
  const how = await readPreprocessing(folder, config.vision.imageSize);
  const blocks = Math.max(config.text.layers - skipped, 0);
  const textPlan = growingPlan(device, llavaEncoder(config, { blocks }), weights, { precision });
  const imagePlan = growingPlan(device, llavaImages(config), weights, {
    precision: imagePrecision,
  });
  const { hiddenSize: dim } = config.text;
  const imageTokens = llavaImageTokens(config);
  return {
    tokenizer,
    dim,
    imageToken: config.imageToken,
    imageTokens,
    weights,
    async encode(texts, options) {
      const results: Float32Array[] = [];
      for (const { ids, image } of texts) {
        const { inputs, sizes } = packLlavaImages(config, 1);
        const { pixels } = preprocess(image, how);
        const shown = { sizes: { ...sizes }, inputs: { ...inputs, pixels } };
        const features = await runPlan(
          device,
          imagePlan,
          shown,
          { output: 'features', elements: imageTokens * dim },
          options,
        );
        const expanded = ids.flatMap((id) =>
          id === config.imageToken ? Array<number>(imageTokens).fill(id) : [id],
        );
        const text = packLlavaTexts(config, [{ ids: expanded }]);
        const given = { sizes: { ...text.sizes }, inputs: { ...text.inputs, features } };
        const output = { output: 'hidden', elements: expanded.length * dim };
        results.push(await runPlan(device, textPlan, given, output, options));
      }
      return results;
    },
  };
}
