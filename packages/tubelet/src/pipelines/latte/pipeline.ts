import { latte, latteCheckpoint, packLatte, parseLatteConfig } from '@tubelet/models';
import type { Device } from '@tubelet/runtime';
import { cleanCaption } from '../../text/index.js';
import { openDenoiser } from '../denoiser.js';
import { readDTypes } from '../dtypes.js';
import { type GenerationDefaults, readGenerationDefaults } from '../generation-defaults.js';
import { loadKlAutoencoder } from '../kl-autoencoder.js';
import { latentMath } from '../latents.js';
import { joined, prepareInputs } from '../model-calls.js';
import type { ModelFolder } from '../model-folder.js';
import {
  createPipeline,
  type Pipeline,
  type PipelineOptions,
  requireMatching,
} from '../pipeline.js';
import { type EncodedPrompt, encodeRequest } from '../prompts.js';
import { chooseDiffusionScheduler } from '../scheduler.js';
import { loadT5Prompts } from '../t5-prompts.js';
import { transformerOn } from '../transformer.js';

/** Those of diffusers' LattePipeline. */
export function latteDefaults(folder: ModelFolder): Promise<GenerationDefaults> {
  return readGenerationDefaults(folder, {
    width: 512,
    height: 512,
    numFrames: 16,
    fps: 8,
    steps: 50,
    guidanceScale: 7.5,
    maxSequenceLength: 120,
  });
}

/** Latte: text to video (diffusers 0.42.1, LattePipeline). */
export async function loadLattePipeline(
  device: Device,
  folder: ModelFolder,
  { maxSequenceLength, dtype, ...files }: PipelineOptions,
  defaults: GenerationDefaults,
): Promise<Pipeline> {
  const dtypes = readDTypes(dtype, device);
  const { config, weights, schedulerConfig } = await openDenoiser(folder, files, {
    parseConfig: parseLatteConfig,
    checkpoint: latteCheckpoint,
    chooseScheduler: chooseDiffusionScheduler,
  });
  const [prompts, autoencoder] = await Promise.all([
    loadT5Prompts(device, folder, {
      clean: cleanCaption,
      maxLength: maxSequenceLength ?? defaults.maxSequenceLength,
      padding: 'masked',
      precision: dtypes.textEncoder,
    }),
    loadKlAutoencoder(device, folder, dtypes.vae),
  ]);
  const { inChannels, outChannels, patchSize } = config;
  const predictions = outChannels === 2 * inChannels ? 2 : 1;
  requireMatching([
    ['caption_channels of the transformer', prompts.dim, config.captionChannels],
    ['in_channels of the transformer', autoencoder.config.latentChannels, inChannels],
    ['out_channels of the transformer', predictions * inChannels, outChannels],
    ['out_channels of the autoencoder', 3, autoencoder.config.outChannels],
  ]);
  const math = latentMath(device);
  const transformer = transformerOn(device, math, latte(config), weights, {
    precision: dtypes.transformer,
  });

  return createPipeline<EncodedPrompt>({
    device,
    math,
    defaults,
    takes: ['prompt', 'negativePrompt', 'numFrames'],
    sizes: {
      space: autoencoder.space,
      time: 1,
      maxFrames: config.frames,
      patchSize: [1, patchSize, patchSize],
      latentChannels: inChannels,
    },
    weights: [...prompts.weights, weights, autoencoder.weights],
    prompts,
    schedule: ({ scheduler }, { steps }) =>
      chooseDiffusionScheduler(schedulerConfig, scheduler).schedule({ steps }),
    async condition(request, checked) {
      const { branches, warnings } = await encodeRequest(prompts, request, checked);
      return { branches: cutToPrompt(branches, prompts.dim), warnings };
    },
    transformer,
    async prepare({ latent }, branches) {
      const clips = branches.map(({ embeddings }) => {
        return { ...latent, textTokens: embeddings.length / prompts.dim };
      });
      const { sizes, inputs } = packLatte(config, clips);
      const text = joined(branches.map(({ embeddings }) => embeddings));
      const packed = { sizes: { ...sizes }, inputs: { ...inputs, text } };
      const rows = (timestep: number) => branches.map(() => timestep);
      return prepareInputs(device, packed, rows);
    },
    predictions,
    decode: (latents, { latent }, options) => autoencoder.decode(latents, latent, options),
  });
}

/** All branches have as many tokens as the prompt, padding or not (diffusers' `mask_text_embeddings`). */
function cutToPrompt(branches: readonly EncodedPrompt[], dim: number): EncodedPrompt[] {
  const values = branches[0]!.ids.length * dim;
  return branches.map((branch) => ({
    ...branch,
    embeddings: branch.embeddings.subarray(0, values),
  }));
}
