import { mustBe } from './error.js';
import { betasForAlphaBar, squaredCosine } from './noise-table.js';
import { respacedTimesteps } from './respacing.js';
import { linspace } from './spacing.js';

/** The discrete process as the original DiT keeps it: one entry per kept timestep, rising, in double. */
export interface GaussianTables {
  /** What the model is told at each entry: the timestep of training. */
  readonly timestepMap: readonly number[];
  readonly betas: readonly number[];
  readonly alphasCumprod: readonly number[];
  readonly posteriorVariance: readonly number[];
  /** ln posteriorVariance; the first, ln 0, is the second's. Empty for a single timestep. */
  readonly posteriorLogVarianceClipped: readonly number[];
  /** Weight of the data in the posterior mean. */
  readonly posteriorMeanCoef1: readonly number[];
  /** Weight of the sample in the posterior mean. */
  readonly posteriorMeanCoef2: readonly number[];
}

/** What the tables are made of. */
export interface GaussianTablesOptions {
  /** See `respacedTimesteps`. Default: every timestep. */
  readonly respacing?: string;
  /** Default linear. */
  readonly noiseSchedule?: 'linear' | 'squaredcos_cap_v2';
  /** Timesteps of training. Default 1000. */
  readonly diffusionSteps?: number;
}

/**
 * Tables of the process over the kept timesteps: betas are rebuilt from the alphasCumprod of neighbours that are kept.
 *
 * Source: facebookresearch/DiT@ed81ce2 diffusion/respace.py SpacedDiffusion, diffusion/gaussian_diffusion.py.
 */
export function gaussianTables(options: GaussianTablesOptions = {}): GaussianTables {
  const { respacing = '', noiseSchedule = 'linear', diffusionSteps: total = 1000 } = options;
  if (!Number.isInteger(total) || total < 1) {
    throw mustBe('gaussianTables', 'diffusionSteps', 'a whole number from 1', total);
  }
  const trained =
    noiseSchedule === 'linear'
      ? linspace((1000 / total) * 0.0001, (1000 / total) * 0.02, total)
      : betasForAlphaBar(total, squaredCosine);
  const trainedCumprod = cumulativeProduct(trained);
  const timestepMap = respacedTimesteps(total, respacing);
  const betas = timestepMap.map((timestep, i) => {
    const before = i > 0 ? trainedCumprod[timestepMap[i - 1]] : 1;
    return 1 - trainedCumprod[timestep] / before;
  });
  const alphasCumprod = cumulativeProduct(betas);
  const before = [1, ...alphasCumprod.slice(0, -1)];
  const posteriorVariance = betas.map(
    (beta, i) => (beta * (1 - before[i])) / (1 - alphasCumprod[i]),
  );
  return {
    timestepMap,
    betas,
    alphasCumprod,
    posteriorVariance,
    posteriorLogVarianceClipped:
      betas.length > 1
        ? posteriorVariance.map((_, i) => Math.log(posteriorVariance[Math.max(i, 1)]))
        : [],
    posteriorMeanCoef1: betas.map(
      (beta, i) => (beta * Math.sqrt(before[i])) / (1 - alphasCumprod[i]),
    ),
    posteriorMeanCoef2: betas.map(
      (beta, i) => ((1 - before[i]) * Math.sqrt(1 - beta)) / (1 - alphasCumprod[i]),
    ),
  };
}

function cumulativeProduct(betas: readonly number[]): number[] {
  let product = 1;
  return betas.map((beta) => {
    product *= 1 - beta;
    return product;
  });
}
