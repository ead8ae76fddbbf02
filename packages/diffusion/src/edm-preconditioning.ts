import type { Combination } from './schedule.js';

/** What stands between x = data + sigma · noise and a network of Karras et al. 2022, table 1, last column. */
export interface EdmPreconditioning {
  /** What the network is given: c_in · x. */
  readonly input: Combination;
  /** What the network is told: c_noise. */
  readonly timestep: number;
  /** The data its answer means: c_skip · x + c_out · F. */
  readonly data: Combination;
}

/** The preconditioning at a sigma for data of standard deviation `sigmaData`; `sign` -1 for v-prediction. */
export function edmPreconditioning(
  sigma: number,
  sigmaData: number,
  sign: 1 | -1 = 1,
): EdmPreconditioning {
  const variance = sigma ** 2 + sigmaData ** 2;
  return {
    input: { sample: 1 / Math.sqrt(variance) },
    timestep: 0.25 * Math.log(sigma),
    data: {
      sample: sigmaData ** 2 / variance,
      prediction: (sign * sigma * sigmaData) / Math.sqrt(variance),
    },
  };
}
