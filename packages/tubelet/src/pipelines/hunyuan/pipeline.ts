import {
  type HunyuanConfig,
  type HunyuanVaeConfig,
  hunyuanCheckpoint,
  hunyuanTransformer,
  packHunyuan,
  parseHunyuanConfig,
} from '@tubelet/models';
import type { Device } from '@tubelet/runtime';
import { TubeletError } from '../../errors.js';
import { besideLatents, firstFrameOf } from '../beside-latents.js';
import { openDenoiser } from '../denoiser.js';
import { readDTypes } from '../dtypes.js';
import { bytesOf, encodeFirstFrame, readPicture } from '../first-frame.js';
import { type GenerationDefaults, readGenerationDefaults } from '../generation-defaults.js';
import { latentMath } from '../latents.js';
import { joined, type LatentSize, prepareInputs } from '../model-calls.js';
import type { ModelFolder } from '../model-folder.js';
import {
  createPipeline,
  type Pipeline,
  type PipelineOptions,
  requireMatching,
} from '../pipeline.js';
import type { EncodedPrompt } from '../prompts.js';
import { chooseScheduler, evenSigmas, flowSchedule } from '../scheduler.js';
import { textLength } from '../t5.js';
import { transformerOn } from '../transformer.js';
import { trueGuidance } from '../true-guidance.js';
import { loadHunyuanAutoencoder } from './autoencoder.js';
import { blackImage, loadHunyuanImagePrompts } from './image-prompts.js';
import { loadHunyuanPrompts } from './prompts.js';

/** Frames of a latent frame after the first. */
const timeFactor = 4;

/** Those of diffusers' HunyuanVideoPipeline, and of HunyuanVideoImageToVideoPipeline with a guidance scale of 1. */
export function hunyuanDefaults(
  folder: ModelFolder,
  guidanceScale: number,
): Promise<GenerationDefaults> {
  return readGenerationDefaults(folder, {
    width: 1280,
    height: 720,
    numFrames: 129,
    fps: 15,
    steps: 50,
    guidanceScale,
    maxSequenceLength: 256,
  });
}

/** What a branch is given. */
interface HunyuanCondition extends EncodedPrompt {
  /** Channels behind the latents: the image's, then a mask of the first frame, [channels + 1, F, h, w]. */
  readonly behind?: Float32Array;
}

/** Of a picture, in the noise that a video of it begins with, in float32 as in the original. */
const noiseShare = Math.fround(0.999);

/**
 * HunyuanVideo (diffusers 0.42.1, HunyuanVideoPipeline and HunyuanVideoImageToVideoPipeline): text to video, and image to video with
 * the image beside the latents or as their first frame. The guidance scale is an input of the model.
 */
export async function loadHunyuanPipeline(
  device: Device,
  folder: ModelFolder,
  { maxSequenceLength, dtype, ...files }: PipelineOptions,
  defaults: GenerationDefaults,
): Promise<Pipeline> {
  const dtypes = readDTypes(dtype, device);
  const maxLength = textLength(maxSequenceLength ?? defaults.maxSequenceLength ?? 256);
  const { config, weights, schedulerConfig } = await openDenoiser(folder, files, {
    parseConfig: parseHunyuanConfig,
    checkpoint: hunyuanCheckpoint,
    chooseScheduler,
  });
  const index = await folder.json('model_index.json');
  const isOfImages = index._class_name === 'HunyuanVideoImageToVideoPipeline';
  const precisions = { precision: dtypes.textEncoder, imagePrecision: dtypes.imageEncoder };
  const [textPrompts, imagePrompts, autoencoder] = await Promise.all([
    isOfImages ? null : loadHunyuanPrompts(device, folder, maxLength, dtypes.textEncoder),
    isOfImages ? loadHunyuanImagePrompts(device, folder, maxLength, precisions) : null,
    loadHunyuanAutoencoder(device, folder, dtypes.vae),
  ]);
  const prompts = (imagePrompts ?? textPrompts)!;
  const { latentChannels, spaceLevels } = autoencoder.config;
  const { imageCondition, patchSizeT, patchSize } = config;
  const isBeside = imageCondition === 'latent_concat';
  requireParts(config, prompts, autoencoder.config, isOfImages);
  const math = latentMath(device);
  const transformer = transformerOn(device, math, hunyuanTransformer(config), weights, {
    precision: dtypes.transformer,
  });
  const { condition, ...guided } = trueGuidance(prompts);

  return createPipeline<HunyuanCondition>({
    device,
    math,
    defaults,
    takes: [
      'prompt',
      'negativePrompt',
      'numFrames',
      'trueGuidanceScale',
      ...(isOfImages ? (['image'] as const) : []),
    ],
    needs: isOfImages ? ['image'] : [],
    sizes: {
      space: 2 ** spaceLevels,
      time: timeFactor,
      multiple: 16,
      patchSize: [patchSizeT, patchSize, patchSize],
      latentChannels,
      leading: isBeside ? 1 : 0,
    },
    weights: [...prompts.weights, weights, autoencoder.weights],
    prompts,
    schedule({ scheduler }, { steps, latent }) {
      const { frames, height, width } = latent;
      const tokens = (frames * height * width) / (patchSizeT * patchSize ** 2);
      return flowSchedule(schedulerConfig, scheduler, steps, tokens, evenSigmas(steps));
    },
    ...guided,
    async condition(request, checked) {
      if (!imagePrompts) return condition(request, checked);
      const picture = await readPicture(request.image!);
      const every = isBeside ? 2 : 4;
      const shown = imagePrompts.beside([{ image: bytesOf(picture), every }, blackImage]);
      const told = await trueGuidance(shown).condition(request, checked);
      const image = await encodeFirstFrame(
        { ...request, image: picture },
        checked,
        (pixels, height, width) => autoencoder.encodeImage(pixels, height, width, request),
      );
      const { latent } = checked;
      const mixed = { values: everyFrameOf(image!, latent), share: noiseShare };
      if (!isBeside) return { ...told, mixed, held: { frames: 1, values: image! } };
      const mask = new Float32Array(latent.height * latent.width).fill(1);
      const behind = firstFrameOf(joined([image!, mask]), latent);
      return { ...told, mixed, branches: told.branches.map((each) => ({ ...each, behind })) };
    },
    transformer,
    async prepare({ latent, guidanceScale }, branches) {
      const texts = branches.map(({ embeddings }) => embeddings);
      const clips = texts.map((text) => ({ ...latent, textTokens: text.length / prompts.dim }));
      const { sizes, inputs } = packHunyuan(config, clips);
      const guidance = new Float32Array(branches.length).fill(1000 * guidanceScale);
      const packed = {
        sizes: { ...sizes },
        inputs: {
          ...inputs,
          text: joined(texts),
          pooled: joined(branches.map(({ pooled }) => pooled!)),
          ...(config.guidance && { guidance }),
        },
      };
      const rows = (timestep: number) => branches.map(() => timestep);
      const prepared = await prepareInputs(device, packed, rows);
      const behind = branches[0]?.behind;
      if (!behind) return prepared;
      const elements = latentChannels * latent.frames * latent.height * latent.width;
      return besideLatents(device, math, prepared, behind, elements, branches.length);
    },
    decode(latents, { latent, padding, width, height }, options) {
      const frames = autoencoder.decode(latents, latent, options);
      return withoutFirst(frames, timeFactor * padding * width * height * 3);
    },
  });
}

function requireParts(
  config: HunyuanConfig,
  prompts: { readonly dim: number; readonly pooledDim: number },
  { latentChannels, inChannels, outChannels }: HunyuanVaeConfig,
  isOfImages: boolean,
): void {
  const isBeside = config.imageCondition === 'latent_concat';
  requireMatching([
    ['text_embed_dim of the transformer', prompts.dim, config.textDim],
    ['pooled_projection_dim of the transformer', prompts.pooledDim, config.pooledDim],
    ...(isOfImages
      ? []
      : ([['image_condition_type of the transformer', null, config.imageCondition]] as const)),
    [
      'in_channels of the transformer',
      isBeside ? 2 * latentChannels + 1 : latentChannels,
      config.inChannels,
    ],
    ['out_channels of the transformer', latentChannels, config.outChannels],
    ['in_channels of the autoencoder', 3, inChannels],
    ['out_channels of the autoencoder', 3, outChannels],
  ]);
  if (!isOfImages || config.imageCondition !== null) return;
  const expected = 'latent_concat or token_replace';
  const message = `image_condition_type of the transformer must be = ${expected}, got null`;
  throw new TubeletError('UNSUPPORTED', 'model', message);
}

/** An image's latents in all frames: [channels, frames, height, width] */
function everyFrameOf(image: Float32Array, { frames, height, width }: LatentSize): Float32Array {
  const area = height * width;
  const clip = new Float32Array(image.length * frames);
  return clip.map((_, i) => image[Math.floor(i / (frames * area)) * area + (i % area)]!);
}

/** @param count of values */
async function* withoutFirst(
  chunks: AsyncIterable<Float32Array>,
  count: number,
): AsyncGenerator<Float32Array> {
  let left = count;
  for await (const chunk of chunks) {
    const shown = chunk.subarray(Math.min(left, chunk.length));
    left -= chunk.length - shown.length;
    if (shown.length > 0) yield shown;
  }
}
