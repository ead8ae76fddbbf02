import { integer, number, oneOf } from './config.js';
import { exponentialSigmas, karrasSigmas } from './sigmas.js';

/** The options of diffusers' schedulers for networks with EDM preconditioning. */
export const edmFields = {
  sigma_min: number(0.002, Number.MIN_VALUE),
  sigma_max: number(80, Number.MIN_VALUE),
  sigma_data: number(0.5, Number.MIN_VALUE),
  sigma_schedule: oneOf('karras', 'exponential'),
  num_train_timesteps: integer(1000, 1),
  // sample is published for one of them, and refused by the original when it runs.
  prediction_type: oneOf('epsilon', 'v_prediction'),
  rho: number(7, Number.MIN_VALUE),
  final_sigmas_type: oneOf('zero', 'sigma_min'),
};

interface EdmConfig {
  readonly sigma_min: number;
  readonly sigma_max: number;
  readonly sigma_schedule: 'karras' | 'exponential';
  readonly rho: number;
  readonly final_sigmas_type: 'zero' | 'sigma_min';
}

/** Falling sigmas, as many as steps; without the last. */
export function edmSigmas(config: EdmConfig, count: number): number[] {
  const { sigma_max: max, sigma_min: min } = config;
  if (config.sigma_schedule === 'karras') return karrasSigmas(max, min, count, config.rho);
  // PyTorch's line rises and is turned round, so a single point is the lowest.
  return count > 1 ? exponentialSigmas(max, min, count) : [min];
}
