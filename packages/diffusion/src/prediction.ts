import type { Combination } from './schedule.js';

/** What a model predicts. */
export type PredictionType = 'epsilon' | 'sample' | 'v_prediction' | 'flow_prediction';

/** Shares of data and noise in a sample: x = alpha · data + sigma · noise. */
export interface Mixture {
  readonly alpha: number;
  readonly sigma: number;
}

/** The mixture of a variance-preserving process whose share of the signal in the variance is this. */
export function mixtureOf(alphaCumprod: number): Mixture {
  return { alpha: Math.sqrt(alphaCumprod), sigma: Math.sqrt(1 - alphaCumprod) };
}

/** The data that a prediction means: "x0". */
export function predictedData(type: PredictionType, { alpha, sigma }: Mixture): Combination {
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

/** The noise that a prediction means: "epsilon". */
export function predictedNoise(type: PredictionType, { alpha, sigma }: Mixture): Combination {
  switch (type) {
    case 'epsilon':
      return { prediction: 1 };
    case 'sample':
      return { sample: 1 / sigma, prediction: -alpha / sigma };
    case 'v_prediction':
      return { prediction: alpha, sample: sigma };
    case 'flow_prediction':
      return { sample: 1, prediction: alpha };
  }
}

/** The data that a prediction means where x = data + sigma · noise and the model is given x / √(sigma² + 1). */
export function predictedDataAt(
  type: Exclude<PredictionType, 'flow_prediction'>,
  sigma: number,
): Combination {
  switch (type) {
    case 'epsilon':
      return { sample: 1, prediction: -sigma };
    case 'sample':
      return { prediction: 1 };
    case 'v_prediction':
      return { sample: 1 / (sigma ** 2 + 1), prediction: -sigma / Math.sqrt(sigma ** 2 + 1) };
  }
}
