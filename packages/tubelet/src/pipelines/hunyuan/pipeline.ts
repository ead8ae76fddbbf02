import {
  hunyuanCheckpoint,
  hunyuanTransformer,
  packHunyuan,
  parseHunyuanConfig,
} from '@tubelet/models';
import type { Device } from '@tubelet/runtime';
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
import type { EncodedPrompt } from '../prompts.js';
import { chooseScheduler, evenSigmas, flowSchedule } from '../scheduler.js';
import { textLength } from '../t5.js';
import { transformerOn } from '../transformer.js';
import { trueGuidance } from '../true-guidance.js';
import { loadHunyuanAutoencoder } from './autoencoder.js';
import { loadHunyuanPrompts } from './prompts.js';

/** Those of diffusers' HunyuanVideoPipeline. */
export function hunyuanDefaults(folder: ModelFolder): Promise<GenerationDefaults> {
  return readGenerationDefaults(folder, {
    width: 1280,
    height: 720,
    numFrames: 129,
    fps: 15,
    steps: 50,
    guidanceScale: 6,
    maxSequenceLength: 256,
  });
}

/** HunyuanVideo: text to video (diffusers 0.42.1, HunyuanVideoPipeline). The guidance scale is an input of the model. */
export async function loadHunyuanPipeline(
  device: Device,
  folder: ModelFolder,
  { maxSequenceLength, dtype, ...files }: PipelineOptions,
  defaults: GenerationDefaults,
): Promise<Pipeline> {
  const dtypes = readDTypes(dtype, device);
  const maxLength = textLength(maxSequenceLength ?? defaults.maxSequenceLength ?? 256);
  const { config, weights, schedulerConfig } = await openDenoiser(folder, files, {
    parseConfig: parseHunyuanConfig,
    checkpoint: hunyuanCheckpoint,
    chooseScheduler,
  });
  const [prompts, autoencoder] = await Promise.all([
    loadHunyuanPrompts(device, folder, maxLength, dtypes.textEncoder),
    loadHunyuanAutoencoder(device, folder, dtypes.vae),
  ]);
  const { latentChannels, outChannels, spaceLevels } = autoencoder.config;
  requireMatching([
    ['text_embed_dim of the transformer', prompts.dim, config.textDim],
    ['pooled_projection_dim of the transformer', prompts.pooledDim, config.pooledDim],
    ['in_channels of the transformer', latentChannels, config.inChannels],
    ['out_channels of the transformer', latentChannels, config.outChannels],
    ['image_condition_type of the transformer', null, config.imageCondition],
    ['out_channels of the autoencoder', 3, outChannels],
  ]);
  const math = latentMath(device);
  const transformer = transformerOn(device, math, hunyuanTransformer(config), weights, {
    precision: dtypes.transformer,
  });
  const { patchSizeT, patchSize } = config;

  return createPipeline<EncodedPrompt>({
    device,
    math,
    defaults,
    takes: ['prompt', 'negativePrompt', 'numFrames', 'trueGuidanceScale'],
    sizes: {
      space: 2 ** spaceLevels,
      time: 4,
      multiple: 16,
      patchSize: [patchSizeT, patchSize, patchSize],
      latentChannels,
    },
    weights: [...prompts.weights, weights, autoencoder.weights],
    prompts,
    schedule({ scheduler }, { steps, latent }) {
      const { frames, height, width } = latent;
      const tokens = (frames * height * width) / (patchSizeT * patchSize ** 2);
      return flowSchedule(schedulerConfig, scheduler, steps, tokens, evenSigmas(steps));
    },
    ...trueGuidance(prompts),
    transformer,
    async prepare({ latent, guidanceScale }, branches) {
      const clips = branches.map(({ ids }) => ({ ...latent, textTokens: ids.length }));
      const { sizes, inputs } = packHunyuan(config, clips);
      const guidance = new Float32Array(branches.length).fill(1000 * guidanceScale);
      const packed = {
        sizes: { ...sizes },
        inputs: {
          ...inputs,
          text: joined(branches.map(({ embeddings }) => embeddings)),
          pooled: joined(branches.map(({ pooled }) => pooled!)),
          ...(config.guidance && { guidance }),
        },
      };
      const rows = (timestep: number) => branches.map(() => timestep);
      return prepareInputs(device, packed, rows);
    },
    decode: (latents, { latent }, options) => autoencoder.decode(latents, latent, options),
  });
}
