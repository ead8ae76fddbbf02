import { assign } from '../combination.js';
import {
  boolean,
  type ConfigOf,
  integer,
  nullable,
  number,
  oneOf,
  readConfig,
  requireConfig,
} from '../config.js';
import { denoised, limitData, thresholdFields } from '../data-limits.js';
import { dpmOrder, dpmStep } from '../dpm-solver.js';
import { mustBe } from '../error.js';
import { type NoiseLevel, noiseLevel, outputRegister } from '../multistep.js';
import {
  inDouble,
  type NoiseTable,
  noiseTable,
  type Rounding,
  tableFields,
} from '../noise-table.js';
import {
  beginOf,
  checkFinite,
  checkOptions,
  onlyOneOf,
  range,
  roundingOf,
  stepCount,
} from '../options.js';
import { mixtureOf, predictedData, predictedNoise } from '../prediction.js';
import type { Assignment, ScheduleOptions, Scheduler, Step } from '../schedule.js';
import {
  distributeSigmas,
  interpolate,
  requireOneDistribution,
  shiftSigma,
  sigmaDistributionFields,
  timestepOfSigma,
} from '../sigmas.js';
import { linspace, roundHalfEven, spacedTimestepsAboveLowest } from '../spacing.js';

const name = 'DPMSolverMultistepScheduler';

const fields = {
  ...tableFields,
  solver_order: integer(2, 1, 3),
  prediction_type: oneOf('epsilon', 'sample', 'v_prediction', 'flow_prediction'),
  ...thresholdFields,
  // deis means dpmsolver++, and logrho, bh1, bh2 mean midpoint: names of other solvers, in configs that were converted.
  algorithm_type: oneOf('dpmsolver++', 'dpmsolver', 'sde-dpmsolver++', 'sde-dpmsolver', 'deis'),
  solver_type: oneOf('midpoint', 'heun', 'logrho', 'bh1', 'bh2'),
  lower_order_final: boolean(true),
  euler_at_final: boolean(false),
  ...sigmaDistributionFields,
  use_lu_lambdas: boolean(false),
  use_flow_sigmas: boolean(false),
  flow_shift: number(1, 0),
  final_sigmas_type: oneOf('zero', 'sigma_min'),
  lambda_min_clipped: number(Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY),
  variance_type: nullable(oneOf('learned', 'learned_range')),
  timestep_spacing: oneOf('linspace', 'leading', 'trailing'),
  steps_offset: integer(0, 0),
  rescale_betas_zero_snr: boolean(false),
  use_dynamic_shifting: boolean(false),
  time_shift_type: oneOf('exponential'),
};

type Config = ConfigOf<typeof fields>;

/**
 * DPM-Solver and DPM-Solver++ in their multistep form, orders 1 to 3, without and with noise. `sigma` is the weight of the
 * noise with flow sigmas, else the ratio of noise to data. A learned variance is accepted and not used.
 *
 * Source: diffusers 0.42.1 scheduling_dpmsolver_multistep.py; Lu et al. 2022.
 */
export function dpmSolverMultistep(json: Readonly<Record<string, unknown>> = {}): Scheduler {
  const config = readConfig(name, fields, json);
  requireOneDistribution(name, config);
  const { algorithm_type, prediction_type, variance_type, final_sigmas_type } = config;
  const isPlusPlus = algorithm_type.endsWith('++');
  requireConfig(
    name,
    isPlusPlus || final_sigmas_type !== 'zero',
    'final_sigmas_type',
    `sigma_min with algorithm_type ${algorithm_type}`,
    final_sigmas_type,
  );
  requireConfig(
    name,
    isPlusPlus || algorithm_type === 'deis' || prediction_type !== 'flow_prediction',
    'prediction_type',
    `epsilon, sample or v_prediction with algorithm_type ${algorithm_type}`,
    prediction_type,
  );
  requireConfig(
    name,
    variance_type === null || prediction_type === 'epsilon',
    'prediction_type',
    `epsilon with variance_type ${variance_type}`,
    prediction_type,
  );
  return { name, schedule: (options) => schedule(config, options) };
}

function schedule(config: Config, options: ScheduleOptions) {
  checkOptions(name, options, 'timesteps', 'mu', 'precision');
  onlyOneOf(name, options, 'steps', 'timesteps');
  const sigmas = course(config, options, inDouble).sigmas.map(roundingOf(name, options));
  // Whole timesteps are sometimes cut off rather than rounded, so diffusers' float32 tables decide some of them.
  const { timesteps } = course(config, options, Math.fround);
  const count = timesteps.length;
  const begin = beginOf(name, options, count);
  const levels = sigmas.map((sigma) => noiseLevel(sigma, config.use_flow_sigmas));
  const steps = range(begin, count).map(
    (i): Step => ({
      timestep: timesteps[i],
      sigma: sigmas[i],
      before: [],
      input: { sample: 1 },
      after: [...output(config, levels[i], i), ...advance(config, levels, i, begin)],
      addNoise: { sample: levels[i].alpha, noise: levels[i].sigma },
    }),
  );
  return checkFinite({
    scheduler: name,
    initialNoiseScale: 1,
    timesteps,
    sigmas,
    begin,
    predictsVariance: config.variance_type !== null,
    steps,
  });
}

function algorithmOf({ algorithm_type }: Config) {
  return algorithm_type === 'deis' ? 'dpmsolver++' : algorithm_type;
}

/** Keeps what the solver integrates: the predicted data, or the predicted noise. */
function output(config: Config, level: NoiseLevel, index: number): Assignment[] {
  const set = outputRegister(index, config.solver_order);
  const type = config.prediction_type;
  if (algorithmOf(config).endsWith('++')) {
    return [assign(set, predictedData(type, level)), ...limitData(config, set)];
  }
  const noise = assign(set, predictedNoise(type, level));
  if (!config.thresholding) return [noise];
  const { alpha, sigma } = level;
  return [
    noise,
    assign(denoised, { sample: 1 / alpha, [set]: -sigma / alpha }),
    ...limitData(config),
    assign(set, { sample: 1 / sigma, [denoised]: -alpha / sigma }),
  ];
}

function advance(
  config: Config,
  levels: readonly NoiseLevel[],
  index: number,
  begin: number,
): Assignment[] {
  const algorithm = algorithmOf(config);
  const order = dpmOrder(config, index, begin, levels.length - 1);
  const used = range(0, order).map((back) => index - back);
  const next = dpmStep(name, {
    algorithm,
    solverType: config.solver_type === 'heun' ? 'heun' : 'midpoint',
    order,
    levels: [levels[index + 1], ...used.map((i) => levels[i])],
    outputs: used.map((i) => outputRegister(i, config.solver_order)),
  });
  const draw: Assignment = { kind: 'draw', set: 'noise', index: index - begin };
  return [...(next.noise ? [draw] : []), assign('sample', next)];
}

/** Timesteps and sigmas; the sigmas have one more at the end. */
function course(config: Config, options: ScheduleOptions, rounding: Rounding) {
  const lastAlphaCumprod = 2 ** -24;
  const table = noiseTable(name, config, { lastAlphaCumprod, rounding });
  const lastSigma = config.final_sigmas_type === 'zero' ? 0 : table.sigmas[0];
  const { timesteps, sigmas } = options.timesteps
    ? explicitCourse(config, options.timesteps, table)
    : computedCourse(config, options, table);
  return { timesteps, sigmas: [...sigmas, lastSigma] };
}

function explicitCourse(config: Config, timesteps: readonly number[], table: NoiseTable) {
  const isPlain = !(
    config.use_karras_sigmas ||
    config.use_exponential_sigmas ||
    config.use_beta_sigmas ||
    config.use_lu_lambdas ||
    config.use_flow_sigmas
  );
  if (!isPlain || !timesteps.every(Number.isInteger)) {
    throw mustBe(name, 'timesteps', 'whole numbers, with no other choice of sigmas', timesteps);
  }
  return { timesteps, sigmas: timesteps.map((t) => interpolate(t, table.sigmas)) };
}

function computedCourse(config: Config, options: ScheduleOptions, table: NoiseTable) {
  const train = config.num_train_timesteps;
  const count = stepCount(name, options);
  const [max, min] = [table.sigmas[train - 1], table.sigmas[0]];
  const isRounded =
    (config.use_karras_sigmas || config.use_lu_lambdas) &&
    config.beta_schedule !== 'squaredcos_cap_v2';
  const distributed =
    config.use_lu_lambdas && !config.use_karras_sigmas
      ? luSigmas(table, count)
      : distributeSigmas(config, max, min, count);
  if (distributed) {
    return {
      timesteps: distributed.map((sigma) => {
        const timestep = timestepOfSigma(sigma, table.logSigmas);
        return isRounded ? roundHalfEven(timestep) : Math.trunc(timestep);
      }),
      sigmas: distributed,
    };
  }
  if (config.use_flow_sigmas) {
    const shift = flowShift(config, options.mu);
    const sigmas = linspace(1, 1 / train, count + 1)
      .map((alpha) => shiftSigma(1 - alpha, shift))
      .reverse()
      .slice(0, -1);
    return { timesteps: sigmas.map((sigma) => Math.trunc(sigma * train)), sigmas };
  }
  const timesteps = spacedTimestepsAboveLowest({
    spacing: config.timestep_spacing,
    count,
    train,
    last: train - clippedTimesteps(config, table),
    offset: config.steps_offset,
  });
  return { timesteps, sigmas: timesteps.map((t) => interpolate(t, table.sigmas)) };
}

/** Evenly spaced in the logarithm of the table's sigmas (Lu et al. 2022, section 6). */
function luSigmas({ logSigmas }: NoiseTable, count: number): number[] {
  const [high, low] = [logSigmas[logSigmas.length - 1], logSigmas[0]];
  return linspace(0, 1, count).map((share) => Math.exp(high + share * (low - high)));
}

function flowShift(config: Config, mu: number | undefined): number {
  if (mu === undefined) return config.flow_shift;
  requireConfig(name, config.use_dynamic_shifting, 'use_dynamic_shifting', 'true with mu', false);
  return Math.exp(mu);
}

/** How many of the noisiest timesteps lie below lambda_min_clipped and are left out. */
function clippedTimesteps({ lambda_min_clipped }: Config, table: NoiseTable): number {
  return table.alphasCumprod.filter((alphaCumprod) => {
    const { alpha, sigma } = mixtureOf(alphaCumprod);
    return Math.log(alpha) - Math.log(sigma) < lambda_min_clipped;
  }).length;
}
