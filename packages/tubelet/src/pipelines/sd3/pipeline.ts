import {
  packSd3,
  parseSd3Config,
  sd3Checkpoint,
  sd3OriginalNames,
  sd3Transformer,
} from '@tubelet/models';
import type { Device } from '@tubelet/runtime';
import { openDenoiser } from '../denoiser.js';
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
import { type EncodedPrompt, encodeRequest } from '../prompts.js';
import { chooseScheduler, flowSchedule } from '../scheduler.js';
import { textLength } from '../t5.js';
import { transformerOn } from '../transformer.js';
import { loadSd3Prompts } from './prompts.js';

/** Those of diffusers' StableDiffusion3Pipeline. */
export async function sd3Defaults(folder: ModelFolder): Promise<GenerationDefaults> {
  const { sample_size: size = 128 } = await folder.json('transformer', 'config.json');
  const side = Number(size) * (await readVaeFactor(folder));
  return readGenerationDefaults(folder, {
    width: side,
    height: side,
    numFrames: 1,
    fps: 1,
    steps: 28,
    guidanceScale: 7,
    maxSequenceLength: 256,
  });
}

/** Stable Diffusion 3 and 3.5: text to image (diffusers 0.42.1, StableDiffusion3Pipeline). */
export async function loadSd3Pipeline(
  device: Device,
  folder: ModelFolder,
  { maxSequenceLength, dtype, ...files }: PipelineOptions,
  defaults: GenerationDefaults,
): Promise<Pipeline> {
  const dtypes = readDTypes(dtype, device);
  const maxLength = textLength(maxSequenceLength ?? defaults.maxSequenceLength ?? 256);
  const { config, weights, originals, schedulerConfig } = await openDenoiser(folder, files, {
    parseConfig: parseSd3Config,
    checkpoint: sd3Checkpoint,
    originalNames: sd3OriginalNames,
    chooseScheduler,
  });
  const [prompts, autoencoder] = await Promise.all([
    loadSd3Prompts(device, folder, config.textDim, maxLength, dtypes.textEncoder),
    loadKlAutoencoder(device, folder, dtypes.vae),
  ]);
  const { inChannels, outChannels, patchSize } = config;
  requireMatching([
    ['pooled_projection_dim of the transformer', prompts.pooledDim, config.pooledDim],
    ['in_channels of the transformer', autoencoder.config.latentChannels, inChannels],
    ['out_channels of the transformer', inChannels, outChannels],
    ['out_channels of the autoencoder', 3, autoencoder.config.outChannels],
  ]);
  const math = latentMath(device);
  const transformer = transformerOn(device, math, sd3Transformer(config), weights, {
    precision: dtypes.transformer,
    originals,
  });

  return createPipeline<EncodedPrompt>({
    device,
    math,
    defaults,
    takes: ['prompt', 'negativePrompt'],
    sizes: {
      space: autoencoder.space,
      time: 1,
      patchSize: [1, patchSize, patchSize],
      latentChannels: inChannels,
      maxTokensPerAxis: config.positionsSize,
    },
    weights: [...prompts.weights, weights, autoencoder.weights],
    prompts,
    schedule({ scheduler }, { steps, latent }) {
      const tokens = (latent.height * latent.width) / patchSize ** 2;
      return flowSchedule(schedulerConfig, scheduler, steps, tokens);
    },
    condition: (request, checked) => encodeRequest(prompts, request, checked),
    transformer,
    async prepare({ latent }, branches) {
      const textTokens = branches[0]!.embeddings.length / config.textDim;
      const { sizes, inputs } = packSd3(
        config,
        branches.map(() => ({ ...latent, textTokens })),
      );
      const text = joined(branches.map(({ embeddings }) => embeddings));
      const pooled = joined(branches.map(({ pooled }) => pooled!));
      const packed = { sizes: { ...sizes }, inputs: { ...inputs, text, pooled } };
      const rows = (timestep: number) => branches.map(() => timestep);
      return prepareInputs(device, packed, rows);
    },
    decode: (latents, { latent }, options) => autoencoder.decode(latents, latent, options),
  });
}
