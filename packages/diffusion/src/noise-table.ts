import { type ConfigOf, integer, nullable, number, numbers, oneOf } from './config.js';
import { mustBe } from './error.js';

/** The options every scheduler with a table of betas has. */
export const tableFields = {
  num_train_timesteps: integer(1000, 1, 1_000_000),
  beta_start: number(0.0001, 0, 1),
  beta_end: number(0.02, 0, 1),
  beta_schedule: oneOf('linear', 'scaled_linear', 'squaredcos_cap_v2'),
  trained_betas: nullable(numbers(0, 1)),
};

/** Names of beta schedules: the last three are known to a single scheduler each. */
export type BetaSchedule =
  | 'linear'
  | 'scaled_linear'
  | 'squaredcos_cap_v2'
  | 'laplace'
  | 'sigmoid'
  | 'exp';

type TableConfig = Omit<ConfigOf<typeof tableFields>, 'beta_schedule'> & {
  readonly beta_schedule: BetaSchedule;
  readonly rescale_betas_zero_snr?: boolean;
};

/** What a variance-preserving process does at each timestep of training. */
export interface NoiseTable {
  /** Π (1 - beta), the share of the signal in the variance. */
  readonly alphasCumprod: readonly number[];
  /** √((1 - alphasCumprod) / alphasCumprod), rising with the timestep. */
  readonly sigmas: readonly number[];
  readonly logSigmas: readonly number[];
}

/** Rounds every entry of a table: not at all, or to float32 as diffusers' tables are. */
export type Rounding = (value: number) => number;
export const inDouble: Rounding = (value) => value;

interface TableOptions {
  /** Zero SNR only: the last alphasCumprod, 0 by default; 2⁻²⁴ where sigma must be finite. */
  readonly lastAlphaCumprod?: number;
  /** Default: double. */
  readonly rounding?: Rounding;
}

/** The table of a config: in double, where diffusers has float32. */
export function noiseTable(
  name: string,
  config: TableConfig,
  { lastAlphaCumprod = 0, rounding = inDouble }: TableOptions = {},
): NoiseTable {
  let betas = betasOf(name, config, rounding);
  if (config.rescale_betas_zero_snr) betas = rescaleToZeroSnr(betas, rounding);
  const alphasCumprod = cumulativeProduct(betas, rounding);
  if (config.rescale_betas_zero_snr) alphasCumprod[alphasCumprod.length - 1] = lastAlphaCumprod;
  const sigmas = alphasCumprod.map((alpha) => sigmaOf(alpha, rounding));
  return { alphasCumprod, sigmas, logSigmas: sigmas.map((sigma) => rounding(Math.log(sigma))) };
}

/** √((1 - alpha) / alpha) */
function sigmaOf(alphaCumprod: number, round: Rounding): number {
  return round(Math.sqrt(round(round(1 - alphaCumprod) / alphaCumprod)));
}

function betasOf(name: string, config: TableConfig, round: Rounding): number[] {
  const { num_train_timesteps: count, beta_start: start, beta_end: end } = config;
  if (config.trained_betas) {
    if (config.trained_betas.length !== count) {
      const expected = `num_train_timesteps = ${count} numbers`;
      throw mustBe(name, 'trained_betas', expected, config.trained_betas.length, 'BAD_CONFIG');
    }
    return config.trained_betas.map(round);
  }
  switch (config.beta_schedule) {
    case 'linear':
      return ramp(start, end, count, round);
    case 'scaled_linear':
      return ramp(Math.sqrt(start), Math.sqrt(end), count, round).map((root) => round(root * root));
    case 'squaredcos_cap_v2':
      return betasForAlphaBar(count, squaredCosine).map(round);
    case 'laplace':
      return betasForAlphaBar(count, laplace).map(round);
    case 'exp':
      return betasForAlphaBar(count, (t) => Math.exp(t * -12)).map(round);
    case 'sigmoid':
      return ramp(-6, 6, count, round).map((x) =>
        round(round(round(1 / (1 + Math.exp(-x))) * (end - start)) + start),
      );
  }
}

/** PyTorch's linspace: from either end to the middle. */
function ramp(start: number, end: number, count: number, round: Rounding): number[] {
  const [first, last] = [round(start), round(end)];
  const step = count > 1 ? round((last - first) / (count - 1)) : 0;
  return Array.from({ length: count }, (_, i) =>
    round(i < Math.floor(count / 2) ? first + step * i : last - step * (count - 1 - i)),
  );
}

/** Betas that follow a given course of alphasCumprod over t from 0 to 1, at most 0.999. */
export function betasForAlphaBar(count: number, alphaBar: (t: number) => number): number[] {
  return Array.from({ length: count }, (_, i) =>
    Math.min(1 - alphaBar((i + 1) / count) / alphaBar(i / count), 0.999),
  );
}

/** Improved DDPM, equation 17. */
export function squaredCosine(t: number): number {
  return Math.cos((((t + 0.008) / 1.008) * Math.PI) / 2) ** 2;
}

function laplace(t: number): number {
  const sign = 0.5 - t < 0 || Object.is(0.5 - t, -0) ? -1 : 1;
  const snr = Math.exp(-0.5 * sign * Math.log(1 - 2 * Math.abs(0.5 - t) + 1e-6));
  return Math.sqrt(snr / (1 + snr));
}

function cumulativeProduct(betas: readonly number[], round: Rounding): number[] {
  let product = 1;
  return betas.map((beta) => {
    product *= round(1 - beta);
    return round(product);
  });
}

/** Shifts and scales √alphasCumprod so that it ends at 0 ("Common Diffusion Noise Schedules", algorithm 1). */
function rescaleToZeroSnr(betas: readonly number[], round: Rounding): number[] {
  const roots = cumulativeProduct(betas, round).map((alpha) => round(Math.sqrt(alpha)));
  const [first, last] = [roots[0], roots[roots.length - 1]];
  const scale = round(first / round(first - last));
  const alphasCumprod = roots.map((root) => round(round(round(root - last) * scale) ** 2));
  return alphasCumprod.map((alpha, i) =>
    round(1 - (i === 0 ? alpha : round(alpha / alphasCumprod[i - 1]))),
  );
}
