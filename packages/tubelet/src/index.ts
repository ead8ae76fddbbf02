export type { StepCacheOptions } from '@tubelet/diffusion';
export { type DeviceDescription, devices } from '@tubelet/runtime';
export { TubeletError } from './errors.js';
export * from './media/index.js';
export type { DTypes } from './pipelines/dtypes.js';
export { type GenerationDefaults, generationDefaults } from './pipelines/generation-defaults.js';
export { type LoadOptions, loadPipeline } from './pipelines/load-pipeline.js';
export type { RgbValues, Video } from './pipelines/video.js';
export type { Pipeline } from './pipelines/wan/pipeline.js';
export type {
  CheckedRequest,
  GenerateRequest,
  StageProgress,
  StepProgress,
} from './pipelines/wan/request.js';
export {
  type SchedulerConfig,
  type SchedulerName,
  schedulerNames,
} from './pipelines/wan/scheduler.js';
export type { EncodedPrompt } from './pipelines/wan/text.js';
export * from './text/index.js';
