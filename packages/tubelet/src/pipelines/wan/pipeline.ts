import { defaultTileSize, vaeFactors } from '@tubelet/models';
import type { Device } from '@tubelet/runtime';
import { readDTypes } from '../dtypes.js';
import { encodeFirstFrame } from '../first-frame.js';
import { type GenerationDefaults, readGenerationDefaults } from '../generation-defaults.js';
import { latentMath } from '../latents.js';
import type { ModelFolder } from '../model-folder.js';
import {
  createPipeline,
  type Pipeline,
  type PipelineOptions,
  requireMatching,
} from '../pipeline.js';
import { type EncodedPrompt, encodeRequest } from '../prompts.js';
import { chooseScheduler } from '../scheduler.js';
import { loadAutoencoder } from './autoencoder.js';
import { loadWanPrompts } from './text.js';
import { loadTransformer } from './transformer.js';

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

/** Wan 2.1 and 2.2: text to video, and with a timestep per token image to video (diffusers 0.42.1, WanPipeline). */
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
  chooseScheduler(schedulerConfig, undefined);
  const math = latentMath(device);
  const [prompts, transformer, autoencoder] = await Promise.all([
    loadWanPrompts(device, folder, {
      maxLength: maxSequenceLength ?? defaults.maxSequenceLength,
      precision: dtypes.textEncoder,
    }),
    loadTransformer(device, folder, files, dtypes.transformer, math),
    loadAutoencoder(device, folder, dtypes.vae),
  ]);
  const { latentChannels, inChannels, outChannels } = autoencoder.config;
  const { config } = transformer;
  requireMatching([
    ['text_dim of the transformer', prompts.dim, config.textDim],
    ['in_channels of the transformer', latentChannels, config.inChannels],
    ['out_channels of the transformer', latentChannels, config.outChannels],
    ['image_dim of the transformer', null, config.imageDim],
    ['in_channels of the autoencoder', 3, inChannels],
    ['out_channels of the autoencoder', 3, outChannels],
  ]);
  const takesImage = index.expand_timesteps === true;
  return createPipeline<EncodedPrompt>({
    device,
    math,
    defaults,
    takes: ['prompt', 'negativePrompt', 'numFrames', ...(takesImage ? (['image'] as const) : [])],
    sizes: {
      ...vaeFactors(autoencoder.config),
      multiple: 16,
      patchSize: config.patchSize,
      latentChannels,
      maxTokensPerAxis: config.ropeMaxSeqLen,
    },
    weights: [...prompts.weights, transformer.weights, autoencoder.weights],
    prompts,
    schedule: ({ scheduler }, { steps }) =>
      chooseScheduler(schedulerConfig, scheduler).schedule({ steps, precision: 'single' }),
    condition: (request, checked) => encodeRequest(prompts, request, checked),
    async hold(request, checked) {
      const tiling = request.tiling ? defaultTileSize : undefined;
      const options = { tiling, signal: request.signal };
      const values = await encodeFirstFrame(request, checked, (pixels, height, width) =>
        autoencoder.encodeImage(pixels, height, width, options),
      );
      return values && { frames: 1, values };
    },
    transformer: transformer.transformer,
    prepare: ({ latent }, branches, held) => {
      const texts = branches.map(({ embeddings }) => embeddings);
      return transformer.prepare(latent, texts, held !== undefined);
    },
    decode: (latents, { latent }, { signal, tiling }) =>
      autoencoder.decode(latents, latent, { signal, tiling: tiling ? defaultTileSize : undefined }),
  });
}
