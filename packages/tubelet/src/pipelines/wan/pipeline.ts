import { classifierFree, unguided } from '@tubelet/diffusion';
import {
  defaultTileSize,
  framesPerChunk,
  vaeFactors,
  type WanConfig,
  type WanVaeConfig,
} from '@tubelet/models';
import type { Device, Precision, RunOptions } from '@tubelet/runtime';
import { TubeletError } from '../../errors.js';
import { besideLatents } from '../beside-latents.js';
import { type ClipImages, loadClipImages } from '../clip-images.js';
import { readDTypes } from '../dtypes.js';
import { encodeFirstFrame } from '../first-frame.js';
import { type GenerationDefaults, readGenerationDefaults } from '../generation-defaults.js';
import { type LatentMath, latentMath } from '../latents.js';
import type { ModelFolder } from '../model-folder.js';
import {
  createPipeline,
  type Family,
  type Pipeline,
  type PipelineOptions,
  requireMatching,
} from '../pipeline.js';
import { type EncodedPrompt, encodeRequest } from '../prompts.js';
import type { GenerateRequest } from '../request.js';
import { chooseScheduler, type SchedulerConfig } from '../scheduler.js';
import type { TransformerOptions } from '../transformer-weights.js';
import { varyingGuidance } from '../varying-guidance.js';
import { type AutoencoderOptions, loadAutoencoder } from './autoencoder.js';
import { twoExperts } from './experts.js';
import { type WanForm, wanForm } from './form.js';
import { encodeImages, type ImageCondition, requireRoomForLast } from './image-condition.js';
import { loadWanPrompts } from './text.js';
import { loadTransformer, prepareWan, type WanTransformer } from './transformer.js';

/** Those of diffusers' WanPipeline. */
export function wanDefaults(folder: ModelFolder): Promise<GenerationDefaults> {
  return readGenerationDefaults(folder, {
    width: 832,
    height: 480,
    numFrames: 81,
    fps: 16,
    steps: 50,
    guidanceScale: 5,
  });
}

/** What a branch is given. */
type Condition = EncodedPrompt & Partial<ImageCondition>;

/**
 * Wan 2.1 and 2.2 (diffusers 0.42.1, WanPipeline and WanImageToVideoPipeline): text to video; image to video with a timestep per
 * token, or with images beside the latents and as tokens; of one transformer or of two experts.
 */
export async function loadWanPipeline(
  device: Device,
  folder: ModelFolder,
  { maxSequenceLength, dtype, ...files }: PipelineOptions,
  defaults: GenerationDefaults,
): Promise<Pipeline> {
  const dtypes = readDTypes(dtype, device);
  const [index, schedulerConfig] = await Promise.all([
    folder.json('model_index.json'),
    folder.json('scheduler', 'scheduler_config.json'),
  ]);
  const form = wanForm(index);
  const boundary = boundaryOf(form, schedulerConfig);
  chooseScheduler(schedulerConfig, undefined);
  const math = latentMath(device);
  const [prompts, transformer, autoencoder] = await Promise.all([
    loadWanPrompts(device, folder, {
      maxLength: maxSequenceLength ?? defaults.maxSequenceLength,
      precision: dtypes.textEncoder,
    }),
    loadExperts(device, folder, boundary, files, dtypes.transformer, math),
    loadAutoencoder(device, folder, dtypes.vae),
  ]);
  const { config } = transformer;
  const images =
    form.image === 'beside' && config.imageDim !== null
      ? await loadClipImages(device, folder, { skipped: 1, precision: dtypes.imageEncoder })
      : undefined;
  const { latentChannels } = autoencoder.config;
  const { space, time } = vaeFactors(autoencoder.config);
  requireParts(form, config, prompts.dim, autoencoder.config, images);
  return createPipeline<Condition>({
    device,
    math,
    defaults,
    ...options(form, config),
    sizes: {
      space,
      time,
      multiple: 16,
      patchSize: config.patchSize,
      latentChannels,
      maxTokensPerAxis: config.ropeMaxSeqLen,
    },
    weights: [
      ...prompts.weights,
      ...(images ? [images.weights] : []),
      ...transformer.weights,
      autoencoder.weights,
    ],
    prompts,
    schedule(request, checked) {
      requireRoomForLast(request, checked);
      requireBoundary(boundary, form, request);
      const scheduler = chooseScheduler(schedulerConfig, request.scheduler);
      return scheduler.schedule({ steps: checked.steps, precision: 'single' });
    },
    guidance(request, { guided, guidanceScale: scale }) {
      if (!guided) return unguided;
      const { guidanceScale2: low = scale } = request;
      if (boundary === null || low === scale) return classifierFree({ scale });
      return varyingGuidance((timestep) => (timestep >= boundary ? scale : low));
    },
    async condition(request, checked) {
      const { branches, warnings } = await encodeRequest(prompts, request, checked);
      const options = tiled(request);
      if (form.image === null) return { branches, warnings };
      if (form.image === 'beside') {
        const given = await encodeImages(autoencoder, images, request, checked, time, options);
        return { branches: branches.map((branch) => ({ ...branch, ...given })), warnings };
      }
      const values = await encodeFirstFrame(request, checked, (pixels, height, width) => {
        const size = { frames: 1, height, width };
        return autoencoder.encode(new Map([[0, pixels]]), size, options);
      });
      return { branches, warnings, ...(values && { held: { frames: 1, values } }) };
    },
    transformer: transformer.transformer,
    async prepare({ latent }, branches, held) {
      const inputs = await prepareWan(device, config, latent, branches, held !== undefined);
      const behind = branches[0]?.behind;
      if (!behind) return inputs;
      const elements = latentChannels * latent.frames * latent.height * latent.width;
      return besideLatents(device, math, inputs, behind, elements, branches.length);
    },
    decode: (latents, { latent }, options) => autoencoder.decode(latents, latent, tiled(options)),
  });
}

function tiled({ tiling, signal }: { readonly tiling?: boolean } & RunOptions): AutoencoderOptions {
  return { signal, tiling: tiling ? defaultTileSize : undefined };
}

async function loadExperts(
  device: Device,
  folder: ModelFolder,
  boundary: number | null,
  { transformer, loras, transformer2, loras2 }: TransformerOptions,
  precision: Precision,
  math: LatentMath,
): Promise<WanTransformer> {
  const load = (name: 'transformer' | 'transformer_2', files: TransformerOptions) =>
    loadTransformer(device, folder, name, files, precision, math);
  if (boundary === null) return load('transformer', { transformer, loras });
  const [high, low] = await Promise.all([
    load('transformer', { transformer, loras }),
    load('transformer_2', { transformer: transformer2, loras: loras2 }),
  ]);
  return twoExperts(boundary, high, low);
}

function requireParts(
  form: WanForm,
  config: WanConfig,
  textDim: number,
  vae: WanVaeConfig,
  images: ClipImages | undefined,
): void {
  const { latentChannels } = vae;
  const { time } = vaeFactors(vae);
  const isBeside = form.image === 'beside';
  const { imagePositions } = config;
  requireMatching([
    ['text_dim of the transformer', textDim, config.textDim],
    [
      'in_channels of the transformer',
      isBeside ? time + 2 * latentChannels : latentChannels,
      config.inChannels,
    ],
    ['out_channels of the transformer', latentChannels, config.outChannels],
    ['image_dim of the transformer', images?.dim ?? null, config.imageDim],
    ...(images && imagePositions !== null
      ? ([['pos_embed_seq_len of the transformer', 2 * images.tokens, imagePositions]] as const)
      : []),
    ...(isBeside ? ([['temporal factor of the autoencoder', framesPerChunk, time]] as const) : []),
    ['in_channels of the autoencoder', 3, vae.inChannels],
    ['out_channels of the autoencoder', 3, vae.outChannels],
  ]);
}

/** What requests may and must have. */
function options(
  { image, boundaryRatio }: WanForm,
  { imageDim, imagePositions }: WanConfig,
): Pick<Family<Condition>, 'takes' | 'needs'> {
  const isBeside = image === 'beside';
  const needsLast = isBeside && imagePositions !== null;
  // With one image's tokens there is no room for another's.
  const takesLast = isBeside && (imageDim === null || needsLast);
  return {
    takes: [
      'prompt',
      'negativePrompt',
      'numFrames',
      ...(image === null ? [] : (['image'] as const)),
      ...(takesLast ? (['lastImage'] as const) : []),
      ...(boundaryRatio === null ? [] : (['guidanceScale2'] as const)),
    ],
    needs: [
      ...(isBeside ? (['image'] as const) : []),
      ...(needsLast ? (['lastImage'] as const) : []),
    ],
  };
}

/** The timestep from which up the first of two experts is called. */
function boundaryOf({ boundaryRatio }: WanForm, config: SchedulerConfig): number | null {
  const { num_train_timesteps = 1000 } = config;
  return boundaryRatio === null ? null : boundaryRatio * Number(num_train_timesteps);
}

/** @throws TubeletError BAD_INPUT for a scheduler whose timesteps the boundary is not for */
function requireBoundary(
  boundary: number | null,
  form: WanForm,
  { scheduler }: GenerateRequest,
): void {
  if (boundary === null || typeof scheduler !== 'object') return;
  if (boundaryOf(form, scheduler) === boundary) return;
  const [what, expected] = ['num_train_timesteps of the scheduler', "the model's scheduler's"];
  const message = `${what} must be = ${expected}, got ${scheduler.num_train_timesteps}`;
  throw new TubeletError('BAD_INPUT', 'generate', message);
}
