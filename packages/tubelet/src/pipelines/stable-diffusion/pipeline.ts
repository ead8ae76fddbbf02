import { classifierFree, unguided } from '@tubelet/diffusion';
import type { UnetConfig } from '@tubelet/models';
import type { Device } from '@tubelet/runtime';
import { TubeletError } from '../../errors.js';
import { readDTypes } from '../dtypes.js';
import { type GenerationDefaults, readGenerationDefaults } from '../generation-defaults.js';
import { loadKlAutoencoder, readVaeFactor } from '../kl-autoencoder.js';
import { latentMath } from '../latents.js';
import { joined, prepareInputs } from '../model-calls.js';
import type { ModelFolder } from '../model-folder.js';
import {
  createPipeline,
  type Pipeline,
  type PipelineOptions,
  requireMatching,
} from '../pipeline.js';
import { chooseDiffusionScheduler } from '../scheduler.js';
import { checkConditions, encodeConditions, sizeCount, type UnetCondition } from './condition.js';
import type { UnetKind } from './kinds.js';
import { guidanceEmbedding, unetOn } from './unet.js';

/** What sides in pixels are multiples of, whatever the autoencoder. */
const multiple = 8;

/** Those of the kind's pipeline: the size that the U-Net was trained for. */
export async function unetDefaults(
  kind: UnetKind,
  folder: ModelFolder,
): Promise<GenerationDefaults> {
  const [config, factor] = await Promise.all([
    folder.json('unet', 'config.json'),
    readVaeFactor(folder),
  ]);
  const [height, width] = sampleSides(kind, config);
  return readGenerationDefaults(folder, {
    ...kind.defaults,
    width: width * factor,
    height: height * factor,
  });
}

/** Height and width of the latents: `sample_size` is one number or both. */
function sampleSides(
  { sampleSize, oldSampleSize = 1 }: UnetKind,
  config: Readonly<Record<string, unknown>>,
): readonly [number, number] {
  const given = config.sample_size ?? sampleSize;
  const sides: readonly unknown[] = Array.isArray(given) ? given : [given, given];
  const isSide = (side: unknown) => Number.isInteger(side) && Number(side) >= 1;
  if (sides.length !== 2 || !sides.every(isSide)) {
    const got = JSON.stringify(given);
    const message = `sample_size must be = a whole number from 1, or two, got ${got}`;
    throw new TubeletError('BAD_CONFIG', 'unet', message);
  }
  const [height, width] = sides.map(Number) as [number, number];
  const isOld = /^0\.[0-8]\./.test(String(config._diffusers_version));
  const least = isOld && !Array.isArray(given) ? oldSampleSize : 1;
  return [Math.max(height, least), Math.max(width, least)];
}

/** Text to image or video by a U-Net. */
export async function loadUnetPipeline(
  kind: UnetKind,
  device: Device,
  folder: ModelFolder,
  { maxSequenceLength, dtype, ...files }: PipelineOptions,
  defaults: GenerationDefaults,
): Promise<Pipeline> {
  const dtypes = readDTypes(dtype, device);
  const [index, denoiser] = await Promise.all([
    folder.json('model_index.json'),
    kind.open(folder, files),
  ]);
  const { config, weights } = denoiser;
  const schedulerConfig = kind.updateScheduler(denoiser.schedulerConfig);
  const [prompts, autoencoder] = await Promise.all([
    kind.loadPrompts(device, folder, {
      maxLength: maxSequenceLength ?? defaults.maxSequenceLength,
      precision: dtypes.textEncoder,
    }),
    loadKlAutoencoder(device, folder, dtypes.vae),
  ]);
  const { inChannels, outChannels, textWidth, crossWidth, timeConditionWidth } = config;
  requireMatching([
    ['cross_attention_dim of the U-Net', prompts.dim, textWidth ?? crossWidth],
    ['in_channels of the U-Net', autoencoder.config.latentChannels, inChannels],
    ['out_channels of the U-Net', inChannels, outChannels],
    ['out_channels of the autoencoder', 3, autoencoder.config.outChannels],
    ['class embedding of the U-Net', 'none', config.classes?.kind ?? 'none'],
    ['U-Net', `one of ${kind.makes}`, `one of ${makesOf(config)}`],
    [
      'addition_embed_type of the U-Net',
      sizesWord(kind.hasSizes),
      sizesWord(config.sizeConditions !== null),
    ],
    ...(config.sizeConditions
      ? ([
          [
            'projection_class_embeddings_input_dim of the U-Net',
            prompts.pooledDim + sizeCount * config.sizeConditions.features,
            config.sizeConditions.width,
          ],
        ] as const)
      : []),
    ...(kind.makes === 'pictures'
      ? []
      : ([['time_cond_proj_dim of the U-Net', null, timeConditionWidth]] as const)),
  ]);
  const emptyIsZero = kind.hasSizes && (index.force_zeros_for_empty_prompt ?? true) === true;
  const { hasSizes } = kind;

  return createPipeline<UnetCondition>({
    device,
    math: latentMath(device),
    defaults,
    takes: ['prompt', 'negativePrompt', 'clipSkip', ...kind.takes],
    sizes: {
      space: autoencoder.space,
      time: 1,
      maxFrames: config.motionFrames ?? undefined,
      multiple,
      patchSize: [1, 1, 1],
      latentChannels: inChannels,
    },
    weights: [...prompts.weights, weights, autoencoder.weights],
    prompts,
    schedule(request, { steps }) {
      checkConditions(request, prompts);
      return chooseDiffusionScheduler(schedulerConfig, request.scheduler).schedule({ steps });
    },
    // A consistency model is told the scale instead.
    isGuided: ({ guidanceScale = defaults.guidanceScale }) =>
      guidanceScale > 1 && timeConditionWidth === null,
    guidance: ({ guidanceRescale }, { guided, guidanceScale }) =>
      guided ? classifierFree({ scale: guidanceScale, rescale: guidanceRescale }) : unguided,
    condition: (request, checked) =>
      encodeConditions(prompts, request, checked, { emptyIsZero, hasSizes }),
    transformer: unetOn(device, config, weights, {
      textTokens: prompts.maxLength,
      precision: dtypes.transformer,
    }),
    prepare({ latent, guidanceScale }, branches) {
      const told = timeConditionWidth && guidanceEmbedding(guidanceScale, timeConditionWidth);
      const inputs = {
        text: joined(branches.map(({ embeddings }) => embeddings)),
        ...(told && { timeCondition: joined(branches.map(() => told)) }),
        ...(hasSizes && {
          pooled: joined(branches.map(({ pooled }) => pooled!)),
          sizes: Float32Array.from(branches.flatMap(({ sizes }) => sizes!)),
        }),
      };
      const { frames, height, width } = latent;
      const sizes = { frames, height, width, clips: branches.length };
      return prepareInputs(device, { sizes, inputs }, (timestep) => branches.map(() => timestep));
    },
    decode: (latents, { latent }, options) => autoencoder.decode(latents, latent, options),
  });
}

const sizesWord = (hasSizes: boolean) => (hasSizes ? 'text_time' : 'none');

function makesOf({ videoHeadDim, motionFrames }: UnetConfig): UnetKind['makes'] {
  if (videoHeadDim !== null) return 'clips';
  return motionFrames === null ? 'pictures' : 'clips by motion modules';
}
