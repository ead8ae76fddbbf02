import type { Mixture, PredictionType } from './prediction.js';

/** A noise level of a multistep solver, which moves along lambda. */
export interface NoiseLevel extends Mixture {
  /** ln(alpha / sigma) */
  readonly lambda: number;
}

/** The level of a sigma: the weight of the noise with flow sigmas, else the ratio of noise to data. */
export function noiseLevel(sigma: number, flow: boolean): NoiseLevel {
  const alpha = flow ? 1 - sigma : 1 / Math.sqrt(sigma ** 2 + 1);
  const share = flow ? sigma : sigma * alpha;
  return { alpha, sigma: share, lambda: Math.log(alpha) - Math.log(share) };
}

/** The register of step `index` in a ring that remembers `length` outputs: old ones are overwritten, none is moved. */
export function outputRegister(index: number, length: number): string {
  return `output${index % length}`;
}

/** The mixture that a prediction is read by: a flow's is always that of the sigma itself, even on a course of ratios. */
export function solverMixture(type: PredictionType, level: NoiseLevel, sigma: number): Mixture {
  return type === 'flow_prediction' ? { ...level, sigma } : level;
}
