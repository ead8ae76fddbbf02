import type { NoiseTable } from './noise-table.js';
import { distributeSigmas, interpolate, timestepOfSigma } from './sigmas.js';
import type { TimestepSpacing } from './spacing.js';

/** The sigmas of a table at these timesteps. */
export function sigmasAt(timesteps: readonly number[], table: NoiseTable): number[] {
  return timesteps.map((timestep) => interpolate(timestep, table.sigmas));
}

/** Sigmas distributed anew between the ends of given ones, and the timesteps that belong to them; undefined if not asked. */
export function redistribute(
  config: Parameters<typeof distributeSigmas>[0] & {
    readonly sigma_min?: number | null;
    readonly sigma_max?: number | null;
  },
  sigmas: readonly number[],
  count: number,
  table: NoiseTable,
) {
  const max = config.sigma_max ?? sigmas[0];
  const min = config.sigma_min ?? sigmas[sigmas.length - 1];
  const distributed = distributeSigmas(config, max, min, count);
  return (
    distributed && {
      sigmas: distributed,
      timesteps: distributed.map((sigma) => timestepOfSigma(sigma, table.logSigmas)),
    }
  );
}

/** Pure noise times this is a sample of x = data + sigma · noise at the highest sigma; with leading spacing, of its norm. */
export function noiseScaleOf(spacing: TimestepSpacing, sigmas: readonly number[]): number {
  const highest = Math.max(...sigmas);
  return spacing === 'leading' ? Math.sqrt(highest ** 2 + 1) : highest;
}

/** What keeps the network's input at the variance of its training, where x = data + sigma · noise. */
export function scaledInput(sigma: number) {
  return { sample: 1 / Math.sqrt(sigma ** 2 + 1) };
}
