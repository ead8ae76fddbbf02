export { firstBlockCache, type SplitModel } from './caching/first-block.js';
export {
  checkStepCache,
  type Predict,
  type StepCache,
  type StepCacheOptions,
} from './caching/step-cache.js';
export { taylorCache } from './caching/taylor.js';
export type { Call, Denoising, Prediction, Progress } from './denoise.js';
export { denoise } from './denoise.js';
export { TubeletError } from './error.js';
export type { Arithmetic, Registers, Term } from './execute.js';
export { combine, execute } from './execute.js';
export { muForTokens } from './flow-sigmas.js';
export type { GaussianTables, GaussianTablesOptions } from './gaussian-tables.js';
export { gaussianTables } from './gaussian-tables.js';
export type { AdaptiveProjectedOptions } from './guidance/adaptive-projected.js';
export { adaptiveProjected } from './guidance/adaptive-projected.js';
export type { CfgZeroStarOptions } from './guidance/cfg-zero-star.js';
export { cfgZeroStar } from './guidance/cfg-zero-star.js';
export type { ClassifierFreeOptions } from './guidance/classifier-free.js';
export { classifierFree } from './guidance/classifier-free.js';
export { distilled } from './guidance/distilled.js';
export type { Branch, Guidance, GuidedStep } from './guidance/guidance.js';
export { unguided } from './guidance/guidance.js';
export type { GuidanceInterval } from './guidance/interval.js';
export type { PerturbedOptions } from './guidance/perturbed.js';
export { perturbed } from './guidance/perturbed.js';
export { registersKept } from './liveness.js';
export { respacedTimesteps } from './respacing.js';
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
export { cogVideoXDdim } from './schedulers/cogvideox-ddim.js';
export { cogVideoXDpm } from './schedulers/cogvideox-dpm.js';
export { ddim } from './schedulers/ddim.js';
export { ddimInverse } from './schedulers/ddim-inverse.js';
export { ddpm } from './schedulers/ddpm.js';
export { dpmSolverMultistep } from './schedulers/dpm-solver-multistep.js';
export { edmDpmSolverMultistep } from './schedulers/edm-dpm-solver-multistep.js';
export { edmEuler } from './schedulers/edm-euler.js';
export { edmPaper } from './schedulers/edm-paper.js';
export { eulerAncestralDiscrete } from './schedulers/euler-ancestral-discrete.js';
export { eulerDiscrete } from './schedulers/euler-discrete.js';
export { flowMatchEulerDiscrete } from './schedulers/flow-match-euler-discrete.js';
export { flowMatchHeunDiscrete } from './schedulers/flow-match-heun-discrete.js';
export { gaussianDiffusion } from './schedulers/gaussian-diffusion.js';
export { heunDiscrete } from './schedulers/heun-discrete.js';
export { lcm } from './schedulers/lcm.js';
export { pndm } from './schedulers/pndm.js';
export { unipcMultistep } from './schedulers/unipc-multistep.js';
