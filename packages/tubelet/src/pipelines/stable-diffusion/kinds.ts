import type { UnetConfig } from '@tubelet/models';
import type { Device } from '@tubelet/runtime';
import type { Denoiser } from '../denoiser.js';
import type { GenerationDefaults } from '../generation-defaults.js';
import type { ModelFolder } from '../model-folder.js';
import type { GenerateRequest } from '../request.js';
import type { SchedulerConfig } from '../scheduler.js';
import type { TransformerOptions } from '../transformer-weights.js';
import {
  type ClipPrompts,
  type ClipPromptsOptions,
  loadStableDiffusionPrompts,
  loadStableDiffusionXlPrompts,
} from './prompts.js';
import { openMotionUnet, openUnet } from './unet.js';

/** What the pipelines of U-Nets differ in. */
export interface UnetKind {
  open(folder: ModelFolder, files: TransformerOptions): Promise<Denoiser<UnetConfig>>;
  loadPrompts(
    device: Device,
    folder: ModelFolder,
    options: ClipPromptsOptions,
  ): Promise<ClipPrompts>;
  /** Options beside those of all U-Nets. */
  readonly takes: readonly (keyof GenerateRequest)[];
  readonly makes: 'pictures' | 'clips' | 'clips by motion modules';
  /** Whether the U-Net is told pooled text and sizes. */
  readonly hasSizes: boolean;
  readonly defaults: Pick<GenerationDefaults, 'numFrames' | 'fps' | 'steps' | 'guidanceScale'>;
  /** Side of the latents where the config has none. */
  readonly sampleSize: number;
  /** Least side of the latents that a U-Net of diffusers before 0.9 is taken to be for. */
  readonly oldSampleSize?: number;
  /** What the pipeline sets right in the checkpoint's scheduler. */
  updateScheduler(config: SchedulerConfig): SchedulerConfig;
}

const image = { numFrames: 1, fps: 1, steps: 50 };
const clip = { numFrames: 16, fps: 8, steps: 50 };
const asItIs = (config: SchedulerConfig) => config;

/** diffusers 0.42.1, StableDiffusionPipeline. */
export const stableDiffusion: UnetKind = {
  open: openUnet,
  loadPrompts: loadStableDiffusionPrompts,
  takes: ['guidanceRescale'],
  makes: 'pictures',
  hasSizes: false,
  defaults: { ...image, guidanceScale: 7.5 },
  sampleSize: 64,
  oldSampleSize: 64,
  // Of the schedulers that have these two options, configs of the time have them wrong or not at all.
  updateScheduler: (config) =>
    /^(CogVideoX|EDM|FlowMatch)/.test(String(config._class_name))
      ? config
      : { ...config, steps_offset: 1, clip_sample: false },
};

/** diffusers 0.42.1, StableDiffusionXLPipeline. */
export const stableDiffusionXl: UnetKind = {
  open: openUnet,
  loadPrompts: loadStableDiffusionXlPrompts,
  takes: ['guidanceRescale', 'sizeConditions', 'negativeSizeConditions'],
  makes: 'pictures',
  hasSizes: true,
  defaults: { ...image, guidanceScale: 5 },
  sampleSize: 128,
  updateScheduler: asItIs,
};

/** diffusers 0.42.1, TextToVideoSDPipeline. */
export const textToVideo: UnetKind = {
  open: openUnet,
  loadPrompts: loadStableDiffusionPrompts,
  takes: ['numFrames'],
  makes: 'clips',
  hasSizes: false,
  defaults: { ...clip, guidanceScale: 9 },
  sampleSize: 32,
  updateScheduler: asItIs,
};

/** diffusers 0.42.1, AnimateDiffPipeline. */
export const animateDiff: UnetKind = {
  open: openMotionUnet,
  loadPrompts: loadStableDiffusionPrompts,
  takes: ['numFrames'],
  makes: 'clips by motion modules',
  hasSizes: false,
  defaults: { ...clip, guidanceScale: 7.5 },
  sampleSize: 64,
  updateScheduler: asItIs,
};
