import {
  ltxCheckpoint,
  ltxOriginalNames,
  ltxTransformer,
  packLtx,
  parseLtxConfig,
} from '@tubelet/models';
import type { Device } from '@tubelet/runtime';
import { openDenoiser } from '../denoiser.js';
import { readDTypes } from '../dtypes.js';
import { encodeFirstFrame } from '../first-frame.js';
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
import { chooseScheduler, evenSigmas, flowSchedule } from '../scheduler.js';
import { loadT5Prompts } from '../t5-prompts.js';
import { transformerOn } from '../transformer.js';
import { loadLtxAutoencoder } from './autoencoder.js';

/** Those of diffusers' LTXPipeline. */
export function ltxDefaults(folder: ModelFolder): Promise<GenerationDefaults> {
  return readGenerationDefaults(folder, {
    width: 704,
    height: 512,
    numFrames: 161,
    fps: 25,
    steps: 50,
    guidanceScale: 3,
    maxSequenceLength: 128,
  });
}

/**
 * LTX-Video: text to video, and image to video with the first latent frame held (diffusers 0.42.1, LTXPipeline and
 * LTXImageToVideoPipeline, which are for the same folders). The model sees the frame rate.
 */
export async function loadLtxPipeline(
  device: Device,
  folder: ModelFolder,
  { maxSequenceLength, dtype, ...files }: PipelineOptions,
  defaults: GenerationDefaults,
): Promise<Pipeline> {
  const dtypes = readDTypes(dtype, device);
  const { config, weights, originals, schedulerConfig } = await openDenoiser(folder, files, {
    parseConfig: parseLtxConfig,
    checkpoint: ltxCheckpoint,
    originalNames: ltxOriginalNames,
    chooseScheduler,
  });
  const math = latentMath(device);
  const [prompts, autoencoder] = await Promise.all([
    loadT5Prompts(device, folder, {
      maxLength: maxSequenceLength ?? defaults.maxSequenceLength,
      padding: 'attended',
      precision: dtypes.textEncoder,
    }),
    loadLtxAutoencoder(device, math, folder, dtypes.vae),
  ]);
  const { latentChannels, outChannels, space, time, timestepConditioning } = autoencoder.config;
  requireMatching([
    ['caption_channels of the transformer', prompts.dim, config.captionChannels],
    ['in_channels of the transformer', latentChannels, config.inChannels],
    ['out_channels of the transformer', latentChannels, config.outChannels],
    ['out_channels of the autoencoder', 3, outChannels],
  ]);
  const transformer = transformerOn(device, math, ltxTransformer(config), weights, {
    precision: dtypes.transformer,
    originals,
  });
  const { patchSizeT, patchSize } = config;

  return createPipeline<EncodedPrompt>({
    device,
    math,
    defaults,
    takes: [
      'prompt',
      'negativePrompt',
      'numFrames',
      'image',
      ...(timestepConditioning ? (['decodeTimestep', 'decodeNoiseScale'] as const) : []),
    ],
    sizes: { space, time, patchSize: [patchSizeT, patchSize, patchSize], latentChannels },
    weights: [...prompts.weights, weights, autoencoder.weights],
    prompts,
    schedule({ scheduler }, { steps, latent }) {
      const tokens = latent.frames * latent.height * latent.width;
      return flowSchedule(schedulerConfig, scheduler, steps, tokens, evenSigmas(steps));
    },
    async condition(request, checked) {
      const { branches, warnings } = await encodeRequest(prompts, request, checked);
      const options = { seed: checked.seed, signal: request.signal };
      const values = await encodeFirstFrame(request, checked, (pixels, height, width) =>
        autoencoder.encodeImage(pixels, height, width, options),
      );
      return { branches, warnings, ...(values && { held: { frames: 1, values } }) };
    },
    transformer,
    async prepare({ latent, fps }, branches, held) {
      const tokenFrames = latent.frames / patchSizeT;
      const rowOf = Array.from({ length: tokenFrames }, (_, i) => (i === 0 ? 1 : 0));
      const clips = branches.map(({ ids }) => ({
        ...latent,
        textTokens: ids.length,
        scale: [time / fps, space, space] as const,
        ...(held && { rows: 2, rowOf }),
      }));
      const { sizes, inputs } = packLtx(config, clips);
      // The text is encoded with its padding, and attended without.
      const texts = branches.map(({ ids, embeddings }) =>
        embeddings.subarray(0, ids.length * prompts.dim),
      );
      const packed = { sizes: { ...sizes }, inputs: { ...inputs, text: joined(texts) } };
      const rows = (timestep: number) =>
        branches.flatMap(() => (held ? [timestep, 0] : [timestep]));
      return prepareInputs(device, packed, rows);
    },
    decode: (latents, { latent, seed }, options) =>
      autoencoder.decode(latents, latent, { ...options, seed }),
  });
}
