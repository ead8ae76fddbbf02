import type { Combination } from './schedule.js';

/** Share of the signal, of the noise, and half the logarithm of their ratio of powers, at a noise level. */
export interface NoiseLevel {
  readonly alpha: number;
  readonly sigma: number;
  readonly lambda: number;
}

/** The level of a sigma: x = (1 - sigma) · data + sigma · noise with flow sigmas, else x ∝ data + sigma · noise. */
export function noiseLevel(sigma: number, flow: boolean): NoiseLevel {
  const alpha = flow ? 1 - sigma : 1 / Math.sqrt(sigma ** 2 + 1);
  const share = flow ? sigma : sigma * alpha;
  return { alpha, sigma: share, lambda: Math.log(alpha) - Math.log(share) };
}

/** What a model predicts. */
export type PredictionType = 'epsilon' | 'sample' | 'v_prediction' | 'flow_prediction';

/** The data that a prediction at this level means: "x0". */
export function predictedData(type: PredictionType, { alpha, sigma }: NoiseLevel): Combination {
  switch (type) {
    case 'epsilon':
      return { sample: 1 / alpha, prediction: -sigma / alpha };
    case 'sample':
      return { prediction: 1 };
    case 'v_prediction':
      return { sample: alpha, prediction: -sigma };
    case 'flow_prediction':
      return { sample: 1, prediction: -sigma };
  }
}

/** The noise that a prediction at this level means: "epsilon". */
export function predictedNoise(type: PredictionType, { alpha, sigma }: NoiseLevel): Combination {
  switch (type) {
    case 'epsilon':
      return { prediction: 1 };
    case 'sample':
      return { sample: 1 / sigma, prediction: -alpha / sigma };
    case 'v_prediction':
      return { prediction: alpha, sample: sigma };
    case 'flow_prediction':
      return { sample: 1, prediction: 1 - sigma };
  }
}

/** The register of step `index` in a ring that remembers `length` outputs: old ones are overwritten, none is moved. */
export function outputRegister(index: number, length: number): string {
  return `output${index % length}`;
}
