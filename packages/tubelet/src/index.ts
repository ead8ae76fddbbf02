export { type DeviceDescription, devices } from '@tubelet/runtime';
export { TubeletError } from './errors.js';
export * from './media/index.js';
export type { GenerationDefaults } from './pipelines/generation-defaults.js';
export { type LoadOptions, loadPipeline } from './pipelines/load-pipeline.js';
export type { Video } from './pipelines/video.js';
export type { Pipeline } from './pipelines/wan/pipeline.js';
export type {
  GenerateRequest,
  StageProgress,
  StepProgress,
} from './pipelines/wan/request.js';
export { type SchedulerName, schedulerNames } from './pipelines/wan/scheduler.js';
export * from './text/index.js';
