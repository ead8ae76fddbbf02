import {
  mochiCheckpoint,
  mochiTransformer,
  mochiVaeFactors,
  packMochi,
  parseMochiConfig,
} from '@tubelet/models';
import { type Device, readValues } from '@tubelet/runtime';
import { TubeletError } from '../../errors.js';
import { openDenoiser } from '../denoiser.js';
import { readDTypes } from '../dtypes.js';
import { type GenerationDefaults, readGenerationDefaults } from '../generation-defaults.js';
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
import { chooseScheduler, flowSchedule } from '../scheduler.js';
import { loadT5Prompts } from '../t5-prompts.js';
import { transformerOn } from '../transformer.js';
import { loadMochiAutoencoder } from './autoencoder.js';

/** Those of diffusers' MochiPipeline. */
export function mochiDefaults(folder: ModelFolder): Promise<GenerationDefaults> {
  return readGenerationDefaults(folder, {
    width: 848,
    height: 480,
    numFrames: 19,
    fps: 30,
    steps: 64,
    guidanceScale: 4.5,
    maxSequenceLength: 256,
  });
}

/** Mochi 1: text to video (diffusers 0.42.1, MochiPipeline). */
export async function loadMochiPipeline(
  device: Device,
  folder: ModelFolder,
  { maxSequenceLength, dtype, ...files }: PipelineOptions,
  defaults: GenerationDefaults,
): Promise<Pipeline> {
  const dtypes = readDTypes(dtype, device);
  const index = await folder.json('model_index.json');
  const { config, weights, schedulerConfig } = await openDenoiser(folder, files, {
    parseConfig: parseMochiConfig,
    checkpoint: mochiCheckpoint,
    chooseScheduler,
  });
  const [prompts, autoencoder, frequencies] = await Promise.all([
    loadT5Prompts(device, folder, {
      maxLength: maxSequenceLength ?? defaults.maxSequenceLength,
      precision: dtypes.textEncoder,
    }),
    loadMochiAutoencoder(device, folder, dtypes.vae),
    readValues(weights, 'pos_frequencies'),
  ]);
  const { latentChannels, outChannels } = autoencoder.config;
  requireMatching([
    ['text_embed_dim of the transformer', prompts.dim, config.textDim],
    ['in_channels of the transformer', latentChannels, config.inChannels],
    ['out_channels of the transformer', latentChannels, config.outChannels],
    ['out_channels of the autoencoder', 3, outChannels],
  ]);
  const math = latentMath(device);
  const transformer = transformerOn(device, math, mochiTransformer(config), weights, {
    precision: dtypes.transformer,
  });
  const dropsEmpty = index.force_zeros_for_empty_prompt === true;

  return createPipeline<EncodedPrompt>({
    device,
    math,
    defaults,
    takes: ['prompt', 'negativePrompt', 'numFrames'],
    sizes: {
      ...mochiVaeFactors(autoencoder.config),
      patchSize: [1, config.patchSize, config.patchSize],
      latentChannels,
    },
    weights: [...prompts.weights, weights, autoencoder.weights],
    prompts,
    schedule({ scheduler }, { steps, latent }) {
      const tokens = (latent.frames * latent.height * latent.width) / config.patchSize ** 2;
      const sigmas = linearQuadraticSigmas(steps);
      return flowSchedule(schedulerConfig, scheduler, steps, tokens, sigmas);
    },
    async condition(request, checked) {
      const { branches, warnings } = await encodeRequest(prompts, request, checked);
      const texts = [request.prompt, request.negativePrompt ?? ''];
      const kept = branches.map((branch, i) =>
        dropsEmpty && texts[i] === '' ? { ids: [], embeddings: new Float32Array() } : branch,
      );
      return { branches: kept, warnings };
    },
    transformer,
    async prepare({ latent }, branches) {
      const clips = branches.map(({ ids }) => ({ ...latent, textTokens: ids.length }));
      const { sizes, inputs } = packMochi(config, clips, frequencies);
      const text = new Float32Array(sizes.textTokens * config.textDim);
      text.set(joined(branches.map(({ embeddings }) => embeddings)));
      const packed = { sizes: { ...sizes }, inputs: { ...inputs, text } };
      const rows = (timestep: number) => branches.map(() => timestep);
      return prepareInputs(device, packed, rows);
    },
    decode: (latents, { latent }, options) => autoencoder.decode(latents, latent, options),
  });
}

/** The first half of the steps goes through a 40th of the noise evenly, the second through the rest quadratically. */
function linearQuadraticSigmas(steps: number): number[] {
  if (steps < 2) {
    const message = `steps must be = 2 or more for this model, got ${steps}`;
    throw new TubeletError('BAD_INPUT', 'generate', message);
  }
  const threshold = 0.025;
  const linear = Math.floor(steps / 2);
  const quadratic = steps - linear;
  const difference = linear - threshold * steps;
  const square = difference / (linear * quadratic ** 2);
  const slope = threshold / linear - (2 * difference) / quadratic ** 2;
  return Array.from({ length: steps }, (_, i) =>
    i < linear
      ? 1 - (i * threshold) / linear
      : 1 - (square * i ** 2 + slope * i + square * linear ** 2),
  );
}
