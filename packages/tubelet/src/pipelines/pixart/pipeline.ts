import {
  packPixart,
  parsePixartConfig,
  pixart,
  pixartCheckpoint,
  pixartOriginalNames,
} from '@tubelet/models';
import type { Device } from '@tubelet/runtime';
import { TubeletError } from '../../errors.js';
import { cleanCaption } from '../../text/index.js';
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
import type { CheckedRequest, GenerateRequest } from '../request.js';
import { chooseDiffusionScheduler } from '../scheduler.js';
import { loadT5Prompts } from '../t5-prompts.js';
import { transformerOn } from '../transformer.js';
import { binnedSize, resizeAndCrop } from './resolution-bins.js';

/** Those of diffusers' PixArtAlphaPipeline and PixArtSigmaPipeline: the trained square. */
export async function pixartDefaults(
  folder: ModelFolder,
  maxSequenceLength: number,
): Promise<GenerationDefaults> {
  const config = parsePixartConfig(await folder.json('transformer', 'config.json'));
  const side = config.sampleSize * (await readVaeFactor(folder));
  return readGenerationDefaults(folder, {
    width: side,
    height: side,
    numFrames: 1,
    fps: 1,
    steps: 20,
    guidanceScale: 4.5,
    maxSequenceLength,
  });
}

/** PixArt alpha and sigma: text to image (diffusers 0.42.1, PixArtAlphaPipeline, PixArtSigmaPipeline). */
export async function loadPixartPipeline(
  device: Device,
  folder: ModelFolder,
  { maxSequenceLength, dtype, ...files }: PipelineOptions,
  defaults: GenerationDefaults,
): Promise<Pipeline> {
  const dtypes = readDTypes(dtype, device);
  const { config, weights, originals, schedulerConfig } = await openDenoiser(folder, files, {
    parseConfig: parsePixartConfig,
    checkpoint: pixartCheckpoint,
    originalNames: pixartOriginalNames,
    chooseScheduler: chooseDiffusionScheduler,
  });
  const [prompts, autoencoder] = await Promise.all([
    loadT5Prompts(device, folder, {
      clean: cleanCaption,
      maxLength: maxSequenceLength ?? defaults.maxSequenceLength,
      precision: dtypes.textEncoder,
    }),
    loadKlAutoencoder(device, folder, dtypes.vae),
  ]);
  const { inChannels, outChannels, patchSize, sizeConditions } = config;
  const predictions = outChannels === 2 * inChannels ? 2 : 1;
  requireMatching([
    ['caption_channels of the transformer', prompts.dim, config.captionChannels],
    ['in_channels of the transformer', autoencoder.config.latentChannels, inChannels],
    ['out_channels of the transformer', predictions * inChannels, outChannels],
    ['out_channels of the autoencoder', 3, autoencoder.config.outChannels],
  ]);
  const { space } = autoencoder;
  const math = latentMath(device);
  const transformer = transformerOn(device, math, pixart(config), weights, {
    precision: dtypes.transformer,
    originals,
  });
  const pixels = ({ latent }: CheckedRequest) => {
    return { height: latent.height * space, width: latent.width * space };
  };

  return createPipeline<EncodedPrompt>({
    device,
    math,
    defaults,
    takes: ['prompt', 'negativePrompt', 'resolutionBinning'],
    sizes: {
      space,
      time: 1,
      patchSize: [1, patchSize, patchSize],
      latentChannels: inChannels,
      denoisedSize: (size, request) =>
        usesBins(request, config.sampleSize) ? binnedSize(size, config.sampleSize * 8) : size,
    },
    weights: [...prompts.weights, weights, autoencoder.weights],
    prompts,
    schedule: ({ scheduler }, { steps }) =>
      chooseDiffusionScheduler(schedulerConfig, scheduler).schedule({ steps }),
    condition: (request, checked) => encodeRequest(prompts, request, checked),
    transformer,
    async prepare(checked, branches) {
      const images = branches.map(({ ids }) => ({ ...checked.latent, textTokens: ids.length }));
      const { sizes, inputs } = packPixart(config, images);
      const { height, width } = pixels(checked);
      const each = (value: number) => new Float32Array(branches.length).fill(value);
      const conditions = sizeConditions && {
        imageHeight: each(height),
        imageWidth: each(width),
        aspectRatio: each(height / width),
      };
      const text = joined(branches.map(({ embeddings }) => embeddings));
      const packed = { sizes: { ...sizes }, inputs: { ...inputs, ...conditions, text } };
      const rows = (timestep: number) => branches.map(() => timestep);
      return prepareInputs(device, packed, rows);
    },
    predictions,
    async *decode(latents, checked, options) {
      for await (const picture of autoencoder.decode(latents, checked.latent, options))
        yield resizeAndCrop(picture, pixels(checked), checked);
    },
  });
}

function usesBins({ resolutionBinning = true }: GenerateRequest, sampleSize: number): boolean {
  const isTrained = [32, 64, 128, 256].includes(sampleSize);
  if (!resolutionBinning || isTrained) return resolutionBinning;
  const message = `resolutionBinning must be = false for sample_size ${sampleSize}, which has no table of sizes, got true`;
  throw new TubeletError('BAD_INPUT', 'generate', message);
}
