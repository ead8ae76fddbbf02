import { assign } from '../combination.js';
import {
  boolean,
  type ConfigOf,
  nullable,
  number,
  oneOf,
  readConfig,
  requireConfig,
} from '../config.js';
import { denoised, limitData } from '../data-limits.js';
import { dpmAlgorithm, dpmUpdate } from '../dpm-solver.js';
import { mustBe } from '../error.js';
import { makeSchedule, type StepDraft } from '../make-schedule.js';
import { type NoiseLevel, outputRegister, solverMixture } from '../multistep.js';
import { multistepCourse, multistepFields } from '../multistep-course.js';
import type { NoiseTable } from '../noise-table.js';
import { checkOptions, onlyOneOf, stepCount } from '../options.js';
import { mixtureOf, predictedData, predictedNoise } from '../prediction.js';
import type { Assignment, ScheduleOptions, Scheduler } from '../schedule.js';
import {
  distributeSigmas,
  interpolate,
  requireOneDistribution,
  shiftSigma,
  timestepOfSigma,
} from '../sigmas.js';
import { linspace, range, roundHalfEven, spacedTimestepsAboveLowest } from '../spacing.js';

const name = 'DPMSolverMultistepScheduler';

const fields = {
  ...multistepFields,
  algorithm_type: oneOf('dpmsolver++', 'dpmsolver', 'sde-dpmsolver++', 'sde-dpmsolver', 'deis'),
  solver_type: oneOf('midpoint', 'heun', 'logrho', 'bh1', 'bh2'),
  euler_at_final: boolean(false),
  use_lu_lambdas: boolean(false),
  lambda_min_clipped: number(Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY),
  variance_type: nullable(oneOf('learned', 'learned_range')),
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
  if (options.mu !== undefined) {
    requireConfig(name, config.use_dynamic_shifting, 'use_dynamic_shifting', 'true with mu', false);
  }
  const { timesteps, sigmas, begin, levels } = multistepCourse(name, config, options, (table) =>
    course(config, options, table),
  );
  const steps = range(begin, timesteps.length).map(
    (i): StepDraft => ({
      timestep: timesteps[i],
      sigma: sigmas[i],
      after: [
        ...output(config, levels[i], sigmas[i], i),
        ...dpmUpdate(name, config, levels, i, begin),
      ],
      addNoise: { sample: levels[i].alpha, noise: levels[i].sigma },
    }),
  );
  return makeSchedule({
    scheduler: name,
    timesteps,
    sigmas,
    begin,
    predictsVariance: config.variance_type !== null,
    steps,
  });
}

/** Keeps what the solver integrates: the predicted data, or the predicted noise. */
function output(config: Config, level: NoiseLevel, sigma: number, index: number): Assignment[] {
  const set = outputRegister(index, config.solver_order);
  const type = config.prediction_type;
  if (dpmAlgorithm(config).endsWith('++')) {
    const data = predictedData(type, solverMixture(type, level, sigma));
    return [assign(set, data), ...limitData(config, set)];
  }
  const noise = assign(set, predictedNoise(type, level));
  if (!config.thresholding) return [noise];
  const { alpha, sigma: share } = level;
  return [
    noise,
    assign(denoised, { sample: 1 / alpha, [set]: -share / alpha }),
    ...limitData(config),
    assign(set, { sample: 1 / share, [denoised]: -alpha / share }),
  ];
}

/** Timesteps and sigmas; the sigmas have one more at the end. */
function course(config: Config, options: ScheduleOptions, table: NoiseTable) {
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
  const last = train - clippedTimesteps(config, table);
  const timesteps = spacedTimestepsAboveLowest(config, count, last);
  return { timesteps, sigmas: timesteps.map((t) => interpolate(t, table.sigmas)) };
}

/** Evenly spaced in the logarithm of the table's sigmas (Lu et al. 2022, section 6). */
function luSigmas({ logSigmas }: NoiseTable, count: number): number[] {
  const [high, low] = [logSigmas[logSigmas.length - 1], logSigmas[0]];
  return linspace(0, 1, count).map((share) => Math.exp(high + share * (low - high)));
}

function flowShift(config: Config, mu: number | undefined): number {
  return mu === undefined ? config.flow_shift : Math.exp(mu);
}

/** How many of the noisiest timesteps lie below lambda_min_clipped and are left out. */
function clippedTimesteps({ lambda_min_clipped }: Config, table: NoiseTable): number {
  return table.alphasCumprod.filter((alphaCumprod) => {
    const { alpha, sigma } = mixtureOf(alphaCumprod);
    return Math.log(alpha) - Math.log(sigma) < lambda_min_clipped;
  }).length;
}
