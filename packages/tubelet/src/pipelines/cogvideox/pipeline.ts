import { classifierFree, type Guidance, unguided } from '@tubelet/diffusion';
import {
  cogvideoxCheckpoint,
  cogvideoxTransformer,
  cogvideoxVaeFactors,
  packCogvideox,
  parseCogvideoxConfig,
  parseCogvideoxVaeConfig,
} from '@tubelet/models';
import type { Device } from '@tubelet/runtime';
import { besideLatents, firstFrameOf } from '../beside-latents.js';
import { openDenoiser } from '../denoiser.js';
import { readDTypes } from '../dtypes.js';
import { encodeFirstFrame } from '../first-frame.js';
import { type GenerationDefaults, readGenerationDefaults } from '../generation-defaults.js';
import { latentMath } from '../latents.js';
import { joined, type LatentSize, prepareInputs } from '../model-calls.js';
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
import { varyingGuidance } from '../varying-guidance.js';
import { loadCogvideoxAutoencoder } from './autoencoder.js';

/** Those of diffusers' CogVideoXPipeline: the trained size. */
export async function cogvideoxDefaults(folder: ModelFolder): Promise<GenerationDefaults> {
  const json = await folder.json('transformer', 'config.json');
  const { trained } = parseCogvideoxConfig(json);
  const vae = parseCogvideoxVaeConfig(await folder.json('vae', 'config.json'));
  const { space } = cogvideoxVaeFactors(vae);
  return readGenerationDefaults(folder, {
    width: trained.width * space,
    height: trained.height * space,
    numFrames: Number(json.sample_frames ?? 49),
    fps: 8,
    steps: 50,
    guidanceScale: 6,
    maxSequenceLength: 226,
  });
}

/** What a branch is given. */
interface CogvideoxCondition extends EncodedPrompt {
  /** [channels, 1, height, width], of models that are conditioned by an image. */
  readonly image?: Float32Array;
}

/**
 * CogVideoX 1.0 and 1.5: text to video, and image to video with the image beside the latents (diffusers 0.42.1, CogVideoXPipeline,
 * CogVideoXImageToVideoPipeline).
 */
export async function loadCogvideoxPipeline(
  device: Device,
  folder: ModelFolder,
  { maxSequenceLength, dtype, ...files }: PipelineOptions,
  defaults: GenerationDefaults,
): Promise<Pipeline> {
  const dtypes = readDTypes(dtype, device);
  const { config, weights, schedulerConfig } = await openDenoiser(folder, files, {
    parseConfig: parseCogvideoxConfig,
    checkpoint: cogvideoxCheckpoint,
    chooseScheduler: chooseDiffusionScheduler,
  });
  const math = latentMath(device);
  const [prompts, autoencoder] = await Promise.all([
    loadT5Prompts(device, folder, {
      maxLength: maxSequenceLength ?? defaults.maxSequenceLength,
      padding: 'attended',
      precision: dtypes.textEncoder,
    }),
    loadCogvideoxAutoencoder(device, math, folder, dtypes.vae),
  ]);
  const { latentChannels } = autoencoder.config;
  const takesImage = config.inChannels === 2 * latentChannels;
  requireMatching([
    ['text_embed_dim of the transformer', prompts.dim, config.textDim],
    [
      'in_channels of the transformer',
      takesImage ? 2 * latentChannels : latentChannels,
      config.inChannels,
    ],
    ['out_channels of the transformer', latentChannels, config.outChannels],
    ...(takesImage ? [] : ([['ofs_embed_dim of the transformer', null, config.ofsDim]] as const)),
    ['out_channels of the autoencoder', 3, autoencoder.config.outChannels],
  ]);
  const transformer = transformerOn(device, math, cogvideoxTransformer(config), weights, {
    precision: dtypes.transformer,
  });

  return createPipeline<CogvideoxCondition>({
    device,
    math,
    defaults,
    takes: [
      'prompt',
      'negativePrompt',
      'numFrames',
      'dynamicGuidance',
      ...(takesImage ? (['image'] as const) : []),
    ],
    needs: takesImage ? ['image'] : [],
    sizes: {
      ...cogvideoxVaeFactors(autoencoder.config),
      patchSize: [1, config.patchSize, config.patchSize],
      framesPadded: config.patchSizeT ?? 1,
      latentChannels,
    },
    weights: [...prompts.weights, weights, autoencoder.weights],
    prompts,
    schedule: ({ scheduler }, { steps }) =>
      chooseDiffusionScheduler(schedulerConfig, scheduler).schedule({ steps }),
    guidance({ dynamicGuidance }, { guided, guidanceScale: scale }) {
      if (!guided) return unguided;
      return dynamicGuidance ? dynamic(scale) : classifierFree({ scale });
    },
    async condition(request, checked) {
      const { branches, warnings } = await encodeRequest(prompts, request, checked);
      const options = { seed: checked.seed, signal: request.signal };
      const image = await encodeFirstFrame(request, checked, (pixels, height, width) =>
        autoencoder.encodeImage(pixels, height, width, options),
      );
      return { branches: branches.map((branch) => ({ ...branch, image })), warnings };
    },
    transformer,
    async prepare({ latent }, branches) {
      const clips = branches.map(({ embeddings }) => {
        return { ...latent, textTokens: embeddings.length / prompts.dim };
      });
      const { sizes, inputs } = packCogvideox(config, clips);
      const text = joined(branches.map(({ embeddings }) => embeddings));
      const ofs = config.ofsDim !== null && { ofs: new Float32Array(branches.length).fill(2) };
      const packed = { sizes: { ...sizes }, inputs: { ...inputs, ...ofs, text } };
      const rows = (timestep: number) => branches.map(() => timestep);
      const prepared = await prepareInputs(device, packed, rows);
      const [{ image }] = branches as [CogvideoxCondition];
      if (!image) return prepared;
      const behind = firstFrameOf(image, latent);
      return besideLatents(device, math, prepared, behind, behind.length, branches.length);
    },
    decode(latents, { latent, padding }, options) {
      const size = { ...latent, frames: latent.frames - padding };
      return autoencoder.decode(withoutFirst(latents, latent, padding), size, options);
    },
  });
}

/** `use_dynamic_cfg`: the scale by the timestep over the number of steps, as it stands in the original. */
function dynamic(scale: number): Guidance {
  return varyingGuidance((timestep, { timesteps }) => {
    const count = timesteps.length;
    const share = ((count - timestep) / count) ** 5;
    return 1 + (scale * (1 - Math.cos(Math.PI * share))) / 2;
  });
}

/** [C, F, H, W] without the first `count` frames. */
function withoutFirst(latents: Float32Array, size: LatentSize, count: number): Float32Array {
  const area = size.height * size.width;
  const channels = latents.length / (size.frames * area);
  const kept = Array.from({ length: channels }, (_, c) => {
    const end = (c + 1) * size.frames * area;
    return latents.subarray(end - (size.frames - count) * area, end);
  });
  return count === 0 ? latents : joined(kept);
}
