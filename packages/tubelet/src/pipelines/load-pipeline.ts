import { stat } from 'node:fs/promises';
import { type Device, type DeviceOptions, openDevice } from '@tubelet/runtime';
import { TubeletError } from '../errors.js';
import { cogvideoxDefaults, loadCogvideoxPipeline } from './cogvideox/pipeline.js';
import { isOriginalDit, originalDitIndex } from './dit/original.js';
import { ditDefaults, loadDitPipeline } from './dit/pipeline.js';
import { fluxDefaults, loadFluxPipeline } from './flux/pipeline.js';
import type { GenerationDefaults } from './generation-defaults.js';
import { hunyuanDefaults, loadHunyuanPipeline } from './hunyuan/pipeline.js';
import { latteDefaults, loadLattePipeline } from './latte/pipeline.js';
import { loadLtxPipeline, ltxDefaults } from './ltx/pipeline.js';
import { loadMochiPipeline, mochiDefaults } from './mochi/pipeline.js';
import { componentClass, type ModelFolder, openModelFolder } from './model-folder.js';
import type { Pipeline, PipelineOptions } from './pipeline.js';
import { loadPixartPipeline, pixartDefaults } from './pixart/pipeline.js';
import { loadSd3Pipeline, sd3Defaults } from './sd3/pipeline.js';
import {
  animateDiff,
  stableDiffusion,
  stableDiffusionXl,
  textToVideo,
  type UnetKind,
} from './stable-diffusion/kinds.js';
import { loadUnetPipeline, unetDefaults } from './stable-diffusion/pipeline.js';
import { requireWanComponents } from './wan/form.js';
import { loadWanPipeline, wanDefaults } from './wan/pipeline.js';

/** How a pipeline is loaded: on which device, and how precisely. */
export interface LoadOptions extends DeviceOptions, PipelineOptions {}

/** A pipeline of diffusers that runs here. */
export interface PipelineClass {
  /** Classes that each component may have; null: it may be absent. */
  readonly components: Readonly<Record<string, readonly (string | null)[]>>;
  /** Refuses a folder that lacks what its configs ask for. @throws TubeletError naming it */
  require?(folder: ModelFolder, index: Readonly<Record<string, unknown>>): Promise<void>;
  /** Of a call, from configs alone. */
  defaults(folder: ModelFolder): Promise<GenerationDefaults>;
  load(
    device: Device,
    folder: ModelFolder,
    options: PipelineOptions,
    defaults: GenerationDefaults,
  ): Promise<Pipeline>;
}

const imageProcessors = ['CLIPImageProcessor', 'CLIPImageProcessorFast', 'CLIPImageProcessorPil'];

const wan: PipelineClass = {
  components: {
    image_encoder: [null],
    transformer: ['WanTransformer3DModel'],
    // Models of two experts (Wan 2.2 A14B) have one.
    transformer_2: ['WanTransformer3DModel', null],
    vae: ['AutoencoderKLWan'],
    text_encoder: ['UMT5EncoderModel', 'T5EncoderModel'],
  },
  require: requireWanComponents,
  defaults: wanDefaults,
  load: loadWanPipeline,
};

const wanOfImages: PipelineClass = {
  ...wan,
  components: {
    ...wan.components,
    image_encoder: ['CLIPVisionModel', 'CLIPVisionModelWithProjection', null],
    image_processor: [...imageProcessors, null],
  },
};

const pixart = (maxSequenceLength: number): PipelineClass => ({
  components: {
    text_encoder: ['T5EncoderModel'],
    transformer: ['PixArtTransformer2DModel', 'Transformer2DModel'],
    vae: ['AutoencoderKL'],
  },
  defaults: (folder) => pixartDefaults(folder, maxSequenceLength),
  load: loadPixartPipeline,
});

const hunyuan: PipelineClass = {
  components: {
    text_encoder: ['LlamaModel'],
    text_encoder_2: ['CLIPTextModel'],
    transformer: ['HunyuanVideoTransformer3DModel'],
    vae: ['AutoencoderKLHunyuanVideo'],
  },
  defaults: (folder) => hunyuanDefaults(folder, 6),
  load: loadHunyuanPipeline,
};

const hunyuanOfImages: PipelineClass = {
  ...hunyuan,
  components: {
    ...hunyuan.components,
    text_encoder: ['LlavaForConditionalGeneration'],
    image_processor: imageProcessors,
  },
  defaults: (folder) => hunyuanDefaults(folder, 1),
};

const latte: PipelineClass = {
  components: {
    text_encoder: ['T5EncoderModel'],
    transformer: ['LatteTransformer3DModel', 'LatteT2V'],
    vae: ['AutoencoderKL'],
  },
  defaults: latteDefaults,
  load: loadLattePipeline,
};

const ltx: PipelineClass = {
  components: {
    text_encoder: ['T5EncoderModel'],
    transformer: ['LTXVideoTransformer3DModel'],
    vae: ['AutoencoderKLLTXVideo'],
  },
  defaults: ltxDefaults,
  load: loadLtxPipeline,
};

const mochi: PipelineClass = {
  components: {
    text_encoder: ['T5EncoderModel'],
    transformer: ['MochiTransformer3DModel'],
    vae: ['AutoencoderKLMochi'],
  },
  defaults: mochiDefaults,
  load: loadMochiPipeline,
};

const sd3: PipelineClass = {
  components: {
    text_encoder: ['CLIPTextModelWithProjection'],
    text_encoder_2: ['CLIPTextModelWithProjection'],
    text_encoder_3: ['T5EncoderModel', null],
    transformer: ['SD3Transformer2DModel'],
    vae: ['AutoencoderKL'],
  },
  defaults: sd3Defaults,
  load: loadSd3Pipeline,
};

const cogvideox: PipelineClass = {
  components: {
    text_encoder: ['T5EncoderModel'],
    transformer: ['CogVideoXTransformer3DModel'],
    vae: ['AutoencoderKLCogVideoX'],
  },
  defaults: cogvideoxDefaults,
  load: loadCogvideoxPipeline,
};

const dit: PipelineClass = {
  components: {
    transformer: ['DiTTransformer2DModel', 'Transformer2DModel', 'DiT'],
    vae: ['AutoencoderKL'],
  },
  defaults: ditDefaults,
  load: loadDitPipeline,
};

const flux: PipelineClass = {
  components: {
    text_encoder: ['CLIPTextModel'],
    text_encoder_2: ['T5EncoderModel'],
    transformer: ['FluxTransformer2DModel'],
    vae: ['AutoencoderKL'],
  },
  defaults: fluxDefaults,
  load: loadFluxPipeline,
};

/** Safety checkers and image encoders may be there, and are not read. */
const ofUnet = (kind: UnetKind, components: PipelineClass['components']): PipelineClass => ({
  components: { ...components, vae: ['AutoencoderKL'] },
  defaults: (folder) => unetDefaults(kind, folder),
  load: (...of) => loadUnetPipeline(kind, ...of),
});

/** By diffusers' names of the pipelines. */
export const pipelineClasses: Readonly<Record<string, PipelineClass>> = {
  AnimateDiffPipeline: ofUnet(animateDiff, {
    text_encoder: ['CLIPTextModel'],
    unet: ['UNet2DConditionModel', 'UNetMotionModel'],
    motion_adapter: ['MotionAdapter', null],
  }),
  CogVideoXImageToVideoPipeline: cogvideox,
  CogVideoXPipeline: cogvideox,
  DiTPipeline: dit,
  FluxPipeline: flux,
  HunyuanVideoImageToVideoPipeline: hunyuanOfImages,
  HunyuanVideoPipeline: hunyuan,
  LattePipeline: latte,
  LTXImageToVideoPipeline: ltx,
  LTXPipeline: ltx,
  MochiPipeline: mochi,
  PixArtAlphaPipeline: pixart(120),
  PixArtSigmaPipeline: pixart(300),
  StableDiffusion3Pipeline: sd3,
  StableDiffusionPipeline: ofUnet(stableDiffusion, {
    text_encoder: ['CLIPTextModel'],
    unet: ['UNet2DConditionModel'],
  }),
  StableDiffusionXLPipeline: ofUnet(stableDiffusionXl, {
    text_encoder: ['CLIPTextModel', null],
    text_encoder_2: ['CLIPTextModelWithProjection'],
    unet: ['UNet2DConditionModel'],
  }),
  TextToVideoSDPipeline: ofUnet(textToVideo, {
    text_encoder: ['CLIPTextModel'],
    unet: ['UNet3DConditionModel'],
  }),
  WanImageToVideoPipeline: wanOfImages,
  WanPipeline: wan,
};

/**
 * Loads a diffusers folder: `model_index.json`, a folder for each component, and optionally `generation.json` with the defaults
 * of a call; or an original DiT, its `.pt` beside `vae/`. Weights are mapped, and packed once.
 *
 * @param directory the folder
 * @throws TubeletError IO, BAD_CONFIG, BAD_WEIGHT (tensors that are missing, misshapen or unused, by name), UNSUPPORTED
 * @example
 * await using pipe = await loadPipeline(modelDirectory);
 * const video = await pipe.generate({ prompt: 'a woman in a red T-shirt walks to the left on a beach' });
 * await video.save('beach.mp4', { scale: 4 });
 */
export async function loadPipeline(
  directory: string,
  {
    maxSequenceLength,
    dtype,
    transformer,
    loras,
    transformer2,
    loras2,
    ...options
  }: LoadOptions = {},
): Promise<Pipeline> {
  const { folder, found, index } = await openPipeline(directory);
  for (const [name, value] of Object.entries({ transformer2, loras2 }))
    requireSecond(name, value, index);
  const defaults = await found.defaults(folder);
  const device = openDevice(options);
  try {
    const chosen = { maxSequenceLength, dtype, transformer, loras, transformer2, loras2 };
    return await found.load(device, folder, chosen, defaults);
  } catch (error) {
    device.dispose();
    throw error;
  }
}

/**
 * What a call of a model has where it says nothing, without loading the model.
 *
 * @param directory a diffusers folder
 * @throws TubeletError BAD_CONFIG naming the option, IO, UNSUPPORTED
 */
export async function generationDefaults(directory: string): Promise<GenerationDefaults> {
  const { folder, found } = await openPipeline(directory);
  return found.defaults(folder);
}

async function openPipeline(directory: string) {
  await requireFolder(directory);
  const folder = openModelFolder(directory);
  const index = await readIndex(folder);
  const name = index._class_name;
  if (typeof name !== 'string' || !Object.hasOwn(pipelineClasses, name))
    throw unsupported('_class_name of model_index.json', Object.keys(pipelineClasses), name);
  const found = pipelineClasses[name]!;
  for (const [component, classes] of Object.entries(found.components)) {
    const got = componentClass(index, component) ?? null;
    if (!classes.includes(got))
      throw unsupported(`${component} of model_index.json`, classes, got ?? undefined);
  }
  await found.require?.(folder, index);
  return { folder, found, index };
}

/** What is for the second of two experts needs one. */
function requireSecond(
  name: string,
  value: unknown,
  { boundary_ratio: ratio }: Readonly<Record<string, unknown>>,
): void {
  if (value === undefined || typeof ratio === 'number') return;
  const message = `${name} must be = absent for a model of one transformer, got some`;
  throw new TubeletError('BAD_INPUT', 'model', message);
}

async function readIndex(folder: ModelFolder): Promise<Readonly<Record<string, unknown>>> {
  const index = await folder.optionalJson('model_index.json');
  if (index) return index;
  return (await isOriginalDit(folder)) ? originalDitIndex : folder.json('model_index.json');
}

async function requireFolder(directory: string): Promise<void> {
  const got =
    typeof directory === 'string'
      ? await stat(directory).catch((error: Error) => error)
      : undefined;
  if (got && !(got instanceof Error) && got.isDirectory()) return;
  const actual =
    got instanceof Error ? got.message : got ? `a file, ${directory}` : typeof directory;
  throw new TubeletError('IO', 'model', `directory must be = a diffusers folder, got ${actual}`);
}

function unsupported(
  what: string,
  expected: readonly (string | null)[],
  got: unknown,
): TubeletError {
  const names = expected.map((name) => name ?? 'absent').join(' or ');
  return new TubeletError('UNSUPPORTED', 'model', `${what} must be = ${names}, got ${got}`);
}
