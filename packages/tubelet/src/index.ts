export type { StepCacheOptions } from '@tubelet/diffusion';
export { type DeviceDescription, devices, type WeightFaults } from '@tubelet/runtime';
export {
  type Classification,
  type Classifier,
  type ClassifierOptions,
  type ClassifyOptions,
  loadClassifier,
} from './classification/classifier.js';
export { TubeletError } from './errors.js';
export type { ComponentInfo, MemoryInfo } from './info/component-info.js';
export { type ModelInfo, modelInfo } from './info/model-info.js';
export * from './media/index.js';
export type { DTypes } from './pipelines/dtypes.js';
export type { GenerationDefaults } from './pipelines/generation-defaults.js';
export { generationDefaults, type LoadOptions, loadPipeline } from './pipelines/load-pipeline.js';
export type { Lora } from './pipelines/lora.js';
export type { Pipeline } from './pipelines/pipeline.js';
export type { EncodedPrompt } from './pipelines/prompts.js';
export type {
  CheckedRequest,
  GenerateRequest,
  StageProgress,
  StepProgress,
} from './pipelines/request.js';
export {
  type SchedulerConfig,
  type SchedulerName,
  schedulerNames,
} from './pipelines/scheduler.js';
export type { RgbValues, Video } from './pipelines/video.js';
export * from './text/index.js';
