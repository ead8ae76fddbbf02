export type { Call, Denoising, Prediction, Progress } from './denoise.js';
export { denoise } from './denoise.js';
export { TubeletError } from './error.js';
export type { Arithmetic, Registers, Term } from './execute.js';
export { combine, execute } from './execute.js';
export { muForTokens } from './flow-sigmas.js';
export type { ClassifierFreeOptions } from './guidance/classifier-free.js';
export { classifierFree } from './guidance/classifier-free.js';
export type { Branch, Guidance, GuidedStep } from './guidance/guidance.js';
export { unguided } from './guidance/guidance.js';
export type {
  Assignment,
  Churn,
  Combination,
  Register,
  Schedule,
  ScheduleOptions,
  Scheduler,
  Step,
} from './schedule.js';
export { parseSchedulerConfig, schedulerFromConfig } from './scheduler-from-config.js';
export { flowMatchEulerDiscrete } from './schedulers/flow-match-euler-discrete.js';
export { unipcMultistep } from './schedulers/unipc-multistep.js';
