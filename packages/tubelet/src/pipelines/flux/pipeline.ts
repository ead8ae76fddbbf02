import {
  fluxCheckpoint,
  fluxOriginalNames,
  fluxTransformer,
  packFlux,
  parseFluxConfig,
} from '@tubelet/models';
import type { Device } from '@tubelet/runtime';
import { openDenoiser } from '../denoiser.js';
import { readDTypes } from '../dtypes.js';
import { type GenerationDefaults, readGenerationDefaults } from '../generation-defaults.js';
import { loadKlAutoencoder, readVaeFactor } from '../kl-autoencoder.js';
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
import { loadFluxPrompts } from './prompts.js';

/** Latents along each side of a token. */
const patch = 2;

/** Those of diffusers' FluxPipeline. */
export async function fluxDefaults(folder: ModelFolder): Promise<GenerationDefaults> {
  const side = 128 * (await readVaeFactor(folder));
  return readGenerationDefaults(folder, {
    width: side,
    height: side,
    numFrames: 1,
    fps: 1,
    steps: 28,
    guidanceScale: 3.5,
    maxSequenceLength: 512,
  });
}

/**
 * FLUX.1 dev and schnell: text to image (diffusers 0.42.1, FluxPipeline). The guidance scale is an input of dev, and schnell has
 * none; a negative prompt takes part by `trueGuidanceScale`.
 */
export async function loadFluxPipeline(
  device: Device,
  folder: ModelFolder,
  { maxSequenceLength, dtype, ...files }: PipelineOptions,
  defaults: GenerationDefaults,
): Promise<Pipeline> {
  const dtypes = readDTypes(dtype, device);
  const maxLength = textLength(maxSequenceLength ?? defaults.maxSequenceLength ?? 512);
  const { config, weights, originals, schedulerConfig } = await openDenoiser(folder, files, {
    parseConfig: parseFluxConfig,
    checkpoint: fluxCheckpoint,
    originalNames: fluxOriginalNames,
    chooseScheduler,
  });
  const [prompts, autoencoder] = await Promise.all([
    loadFluxPrompts(device, folder, maxLength, dtypes.textEncoder),
    loadKlAutoencoder(device, folder, dtypes.vae),
  ]);
  const { latentChannels } = autoencoder.config;
  requireMatching([
    ['joint_attention_dim of the transformer', prompts.dim, config.textDim],
    ['pooled_projection_dim of the transformer', prompts.pooledDim, config.pooledDim],
    ['in_channels of the transformer', patch ** 2 * latentChannels, config.inChannels],
    ['out_channels of the transformer', config.inChannels, config.outChannels],
    ['out_channels of the autoencoder', 3, autoencoder.config.outChannels],
  ]);
  const graph = fluxTransformer(config, { latentPatch: patch });
  const math = latentMath(device);
  const transformer = transformerOn(device, math, graph, weights, {
    precision: dtypes.transformer,
    originals,
  });

  return createPipeline<EncodedPrompt>({
    device,
    math,
    defaults,
    takes: ['prompt', 'negativePrompt', 'trueGuidanceScale'],
    sizes: {
      space: autoencoder.space,
      time: 1,
      patchSize: [1, patch, patch],
      latentChannels,
    },
    weights: [...prompts.weights, weights, autoencoder.weights],
    prompts,
    schedule({ scheduler }, { steps, latent }) {
      const tokens = (latent.height * latent.width) / patch ** 2;
      return flowSchedule(schedulerConfig, scheduler, steps, tokens, evenSigmas(steps));
    },
    ...trueGuidance(prompts),
    transformer,
    async prepare({ latent, guidanceScale }, branches) {
      const textTokens = branches[0]!.embeddings.length / config.textDim;
      const images = branches.map(() => {
        return { height: latent.height / patch, width: latent.width / patch, textTokens };
      });
      const { sizes, inputs } = packFlux(config, images);
      const { geometry, elements } = latentGeometry(branches.length, latentChannels, latent);
      const guidance = new Float32Array(branches.length).fill(guidanceScale);
      const packed = {
        sizes: { ...sizes, elements },
        inputs: {
          ...inputs,
          geometry,
          text: joined(branches.map(({ embeddings }) => embeddings)),
          pooled: joined(branches.map(({ pooled }) => pooled!)),
          ...(config.guidance && { guidance }),
        },
      };
      // The model multiplies by 1000 again.
      const rows = (timestep: number) => branches.map(() => timestep / 1000);
      return prepareInputs(device, packed, rows);
    },
    decode: (latents, { latent }, options) => autoencoder.decode(latents, latent, options),
  });
}

/** Latents of equal size one after another, as patchify reads them. */
function latentGeometry(count: number, channels: number, { height, width }: LatentSize) {
  const [each, tokens] = [channels * height * width, (height * width) / patch ** 2];
  const rows = Array.from({ length: count }, (_, i) => [i * each, i * tokens, 1, height, width]);
  return { geometry: Int32Array.from(rows.flat()), elements: count * each };
}
