import { betaQuantile } from './beta-quantile.js';
import { boolean } from './config.js';
import { mustBe } from './error.js';
import { linspace } from './spacing.js';

/** The options that choose another distribution of sigmas between the highest and the lowest; at most one is true. */
export const sigmaDistributionFields = {
  use_karras_sigmas: boolean(false),
  use_exponential_sigmas: boolean(false),
  use_beta_sigmas: boolean(false),
};

interface SigmaDistributionConfig {
  readonly use_karras_sigmas: boolean;
  readonly use_exponential_sigmas: boolean;
  readonly use_beta_sigmas: boolean;
}

/** Refuses more than one distribution at a time. */
export function requireOneDistribution(name: string, config: SigmaDistributionConfig): void {
  const chosen = Object.keys(sigmaDistributionFields).filter(
    (option) => config[option as keyof SigmaDistributionConfig],
  );
  if (chosen.length > 1) {
    throw mustBe(
      name,
      Object.keys(sigmaDistributionFields).join(', '),
      'at most one true',
      chosen.join(' and '),
      'BAD_CONFIG',
    );
  }
}

/** `count` sigmas between `max` and `min` as the config distributes them; undefined if it leaves them as they are. */
export function distributeSigmas(
  config: SigmaDistributionConfig,
  max: number,
  min: number,
  count: number,
): number[] | undefined {
  if (config.use_karras_sigmas) return karrasSigmas(max, min, count);
  if (config.use_exponential_sigmas) return exponentialSigmas(max, min, count);
  if (config.use_beta_sigmas) return betaSigmas(max, min, count);
  return undefined;
}

/** Karras et al. 2022, equation 5. */
export function karrasSigmas(max: number, min: number, count: number, rho = 7): number[] {
  const [high, low] = [max ** (1 / rho), min ** (1 / rho)];
  return linspace(0, 1, count).map((ramp) => (high + ramp * (low - high)) ** rho);
}

/** Evenly spaced in log sigma. */
export function exponentialSigmas(max: number, min: number, count: number): number[] {
  return linspace(Math.log(max), Math.log(min), count).map(Math.exp);
}

/** Quantiles of the Beta(0.6, 0.6) distribution ("Beta Sampling is All You Need", Lee et al. 2024). */
function betaSigmas(max: number, min: number, count: number): number[] {
  return linspace(0, 1, count).map((ramp) => min + betaQuantile(1 - ramp, 0.6, 0.6) * (max - min));
}

/** Moves flow-matching sigmas towards 1, where much is still noise: shift · sigma / (1 + (shift - 1) · sigma). */
export function shiftSigma(sigma: number, shift: number): number {
  return (shift * sigma) / (1 + (shift - 1) * sigma);
}

/** Stretches falling flow-matching sigmas so that the last is `terminal` and the distance of 1 keeps its proportions. */
export function stretchToTerminal(sigmas: readonly number[], terminal: number): number[] {
  const scale = (1 - sigmas[sigmas.length - 1]) / (1 - terminal);
  return sigmas.map((sigma) => 1 - (1 - sigma) / scale);
}

/** The table's value at a fractional index, linear between entries and constant outside: numpy's interp. */
export function interpolate(index: number, table: readonly number[]): number {
  const last = table.length - 1;
  if (index <= 0) return table[0];
  if (index >= last) return table[last];
  const low = Math.floor(index);
  return (table[low + 1] - table[low]) * (index - low) + table[low];
}

/** The fractional index at which a rising table of log sigmas has this sigma. */
export function timestepOfSigma(sigma: number, logSigmas: readonly number[]): number {
  const logSigma = Math.log(Math.max(sigma, 1e-10));
  const notAbove = logSigmas.findLastIndex((entry) => logSigma - entry >= 0);
  const low = Math.min(Math.max(notAbove, 0), logSigmas.length - 2);
  const weight = (logSigmas[low] - logSigma) / (logSigmas[low] - logSigmas[low + 1]);
  const inside = Math.min(Math.max(weight, 0), 1);
  return (1 - inside) * low + inside * (low + 1);
}
