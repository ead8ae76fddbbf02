import { classifierFree, gaussianDiffusion, unguided } from '@tubelet/diffusion';
import { dit, ditCheckpoint, packDit, parseDitDiffusersConfig } from '@tubelet/models';
import type { Device } from '@tubelet/runtime';
import { TubeletError } from '../../errors.js';
import { readDTypes } from '../dtypes.js';
import { type GenerationDefaults, readGenerationDefaults } from '../generation-defaults.js';
import { loadKlAutoencoder, readVaeFactor } from '../kl-autoencoder.js';
import { latentMath } from '../latents.js';
import { prepareInputs } from '../model-calls.js';
import type { ModelFolder } from '../model-folder.js';
import {
  createPipeline,
  type Pipeline,
  type PipelineOptions,
  requireMatching,
} from '../pipeline.js';
import type { CheckedRequest, GenerateRequest } from '../request.js';
import { chooseDiffusionScheduler, type SchedulerConfig } from '../scheduler.js';
import { transformerOn } from '../transformer.js';
import { openTransformerWeights, type TransformerOptions } from '../transformer-weights.js';
import { labelFinder } from './labels.js';
import { type LoadedDit, openOriginalDit } from './original.js';

/** Channels that the released sampler guides, of four. */
const releasedChannels = 3;

/** The noise that DiT was trained with, for a sampler of diffusers on an original checkpoint. */
const trainedNoise: SchedulerConfig = {
  _class_name: 'DDIMScheduler',
  beta_schedule: 'linear',
  beta_start: 0.0001,
  beta_end: 0.02,
  clip_sample: false,
};

/** Those of the original's sample.py, 250 respaced steps, or of diffusers' DiTPipeline. */
export async function ditDefaults(folder: ModelFolder): Promise<GenerationDefaults> {
  const isOriginal = await hasOriginalWeights(folder);
  const { inputSize } = isOriginal
    ? (await openOriginalDit(folder, {})).config
    : parseDitDiffusersConfig(await folder.json('transformer', 'config.json'));
  const side = inputSize * (await readVaeFactor(folder));
  return readGenerationDefaults(folder, {
    width: side,
    height: side,
    numFrames: 1,
    fps: 1,
    steps: isOriginal ? 250 : 50,
    guidanceScale: 4,
  });
}

/**
 * DiT: a class to an image. Of the original (facebookresearch/DiT@ed81ce2, sample.py) it has the respaced steps with the learned
 * range of variance, of diffusers 0.42.1 DiTPipeline the checkpoint's scheduler; each can be had for both.
 */
export async function loadDitPipeline(
  device: Device,
  folder: ModelFolder,
  { dtype, ...files }: PipelineOptions,
  defaults: GenerationDefaults,
): Promise<Pipeline> {
  const dtypes = readDTypes(dtype, device);
  const isOriginal = await hasOriginalWeights(folder);
  const schedulerConfig = isOriginal
    ? undefined
    : await folder.json('scheduler', 'scheduler_config.json');
  if (schedulerConfig) chooseDiffusionScheduler(schedulerConfig, undefined);
  const [{ config, weights, labels }, autoencoder] = await Promise.all([
    (isOriginal ? openOriginalDit : openDiffusersDit)(folder, files),
    loadKlAutoencoder(device, folder, dtypes.vae),
  ]);
  const { inChannels, outChannels, classes, inputSize, patchSize, nullClass } = config;
  const predictions = outChannels === 2 * inChannels ? 2 : 1;
  requireMatching([
    ['in_channels of the transformer', autoencoder.config.latentChannels, inChannels],
    ['out_channels of the transformer', predictions * inChannels, outChannels],
    ['out_channels of the autoencoder', 3, autoencoder.config.outChannels],
  ]);
  const { space } = autoencoder;
  const findLabel = labelFinder(classes, labels);
  const math = latentMath(device);
  const transformer = transformerOn(device, math, dit(config), weights, {
    precision: dtypes.transformer,
  });

  const check = (request: GenerateRequest, { guided }: CheckedRequest) => {
    findLabel(request.classLabel);
    if (guided && !nullClass) {
      const message = `guidanceScale must be = at most 1 for a model without a row for no class, got ${request.guidanceScale}`;
      throw new TubeletError('BAD_INPUT', 'generate', message);
    }
  };

  return createPipeline<number>({
    device,
    math,
    defaults,
    takes: ['classLabel', 'guidanceChannels'],
    sizes: {
      space,
      time: 1,
      multiple: inputSize * space,
      patchSize: [1, patchSize, patchSize],
      latentChannels: inChannels,
      maxTokensPerAxis: inputSize / patchSize,
    },
    weights: [weights, autoencoder.weights],
    schedule(request, checked) {
      check(request, checked);
      const { scheduler = isOriginal ? 'gaussian-diffusion' : undefined } = request;
      const { steps } = checked;
      if (scheduler !== 'gaussian-diffusion')
        return chooseDiffusionScheduler(schedulerConfig ?? trainedNoise, scheduler).schedule({
          steps,
        });
      return gaussianDiffusion({ clip_denoised: false, learn_sigma: predictions === 2 }).schedule({
        steps,
      });
    },
    guidance({ guidanceChannels }, { guided, guidanceScale: scale }) {
      if (!guided) return unguided;
      const channels = guidanceChannels ?? (isOriginal ? releasedChannels : 'all');
      return classifierFree({ scale, ...(channels !== 'all' && { channels }) });
    },
    async condition({ classLabel }, { guided }) {
      const label = findLabel(classLabel);
      return { branches: guided ? [label, classes] : [label], warnings: [] };
    },
    transformer,
    async prepare(_checked, branches) {
      const { sizes, inputs } = packDit(config, branches.length);
      const packed = {
        sizes: { ...sizes },
        inputs: { ...inputs, label: Int32Array.from(branches) },
      };
      const rows = (timestep: number) => branches.map(() => timestep);
      return prepareInputs(device, packed, rows);
    },
    predictions,
    decode: (latents, { latent }, options) => autoencoder.decode(latents, latent, options),
  });
}

async function openDiffusersDit(
  folder: ModelFolder,
  options: TransformerOptions,
): Promise<LoadedDit> {
  const [json, index] = await Promise.all([
    folder.json('transformer', 'config.json'),
    folder.json('model_index.json'),
  ]);
  const config = parseDitDiffusersConfig(json);
  const weights = await openTransformerWeights(folder, options, ditCheckpoint(config));
  return { config, weights, labels: index.id2label };
}

async function hasOriginalWeights(folder: ModelFolder): Promise<boolean> {
  return (await folder.optionalJson('model_index.json')) === undefined;
}
