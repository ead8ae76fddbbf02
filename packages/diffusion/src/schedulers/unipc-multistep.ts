import { assign, sumOf } from '../combination.js';
import {
  boolean,
  type ConfigOf,
  nullable,
  number,
  numbers,
  oneOf,
  readConfig,
  requireConfig,
  unsupported,
} from '../config.js';
import { limitData } from '../data-limits.js';
import { mustBe } from '../error.js';
import { shiftFlowSigmas } from '../flow-sigmas.js';
import { solve } from '../linear-system.js';
import { makeSchedule, type StepDraft } from '../make-schedule.js';
import { type NoiseLevel, outputRegister, solverMixture } from '../multistep.js';
import { multistepCourse, multistepFields } from '../multistep-course.js';
import type { NoiseTable } from '../noise-table.js';
import { checkOptions, onlyOneOf, stepCount } from '../options.js';
import { predictedData, predictedNoise } from '../prediction.js';
import type { Assignment, Combination, ScheduleOptions, Scheduler } from '../schedule.js';
import {
  distributeSigmas,
  interpolate,
  requireOneDistribution,
  timestepOfSigma,
} from '../sigmas.js';
import { linspace, range, roundHalfEven, spacedTimestepsAboveLowest } from '../spacing.js';

const name = 'UniPCMultistepScheduler';

const fields = {
  ...multistepFields,
  predict_x0: boolean(true),
  // midpoint, heun and logrho mean bh2: names of other solvers, in configs that were converted.
  solver_type: oneOf('bh2', 'bh1', 'midpoint', 'heun', 'logrho'),
  disable_corrector: numbers(0, Number.MAX_SAFE_INTEGER),
  solver_p: unsupported(),
  time_shift_type: oneOf('exponential', 'linear'),
  sigma_min: nullable(number(0, 0)),
  sigma_max: nullable(number(0, 0)),
  shift_terminal: nullable(number(0, 0, 1)),
};

type Config = ConfigOf<typeof fields>;

/**
 * UniPC: a predictor of order p over the last p outputs, and a corrector that does the step before once more with the
 * output it led to, at no further call of the model. `sigma` is the weight of the noise with flow sigmas, else the ratio
 * of noise to data.
 *
 * Source: diffusers 0.42.1 scheduling_unipc_multistep.py; Zhao et al. 2023, algorithms 1 and 2.
 */
export function unipcMultistep(json: Readonly<Record<string, unknown>> = {}): Scheduler {
  const config = readConfig(name, fields, json);
  requireOneDistribution(name, config);
  const { shift_terminal, prediction_type } = config;
  const flow = config.use_flow_sigmas;
  requireConfig(name, !shift_terminal || flow, 'use_flow_sigmas', 'true with shift_terminal', flow);
  requireConfig(
    name,
    config.predict_x0 || prediction_type !== 'flow_prediction',
    'prediction_type',
    'epsilon, sample or v_prediction with predict_x0 false',
    prediction_type,
  );
  requireConfig(
    name,
    config.solver_type !== 'bh1' || config.final_sigmas_type !== 'zero',
    'final_sigmas_type',
    'sigma_min with solver_type bh1, which is not a number at sigma 0',
    config.final_sigmas_type,
  );
  return { name, schedule: (options) => schedule(config, options) };
}

function schedule(config: Config, options: ScheduleOptions) {
  checkOptions(name, options, 'sigmas', 'mu', 'precision');
  onlyOneOf(name, options, 'steps', 'sigmas');
  const { timesteps, sigmas, begin, levels } = multistepCourse(name, config, options, (table) =>
    course(config, options, table),
  );
  const count = timesteps.length;
  const orders = range(0, count).map((i) => {
    const highest = config.lower_order_final
      ? Math.min(config.solver_order, count - i)
      : config.solver_order;
    return Math.min(highest, i - begin + 1);
  });
  const steps = range(begin, count).map((i): StepDraft => {
    const corrects = i > begin && !config.disable_corrector.includes(i - 1);
    const correction = corrects
      ? update(config, levels, i - 1, orders[i - 1], true)
      : { sample: 1 };
    return {
      timestep: timesteps[i],
      sigma: sigmas[i],
      after: [
        ...output(config, levels[i], sigmas[i], i),
        assign('corrected', correction),
        assign('sample', update(config, levels, i, orders[i], false)),
      ],
      addNoise: { sample: levels[i].alpha, noise: levels[i].sigma },
    };
  });
  return makeSchedule({
    scheduler: name,
    timesteps,
    sigmas,
    begin,
    steps,
  });
}

/** The corrector reads one output more than the solver's order. */
function register(config: Config, index: number): string {
  return outputRegister(index, config.solver_order + 1);
}

/** Keeps what the solver integrates: the predicted data, or the predicted noise. */
function output(config: Config, level: NoiseLevel, sigma: number, index: number): Assignment[] {
  const set = register(config, index);
  const type = config.prediction_type;
  if (!config.predict_x0) return [assign(set, predictedNoise(type, level))];
  const data = predictedData(type, solverMixture(type, level, sigma));
  return [assign(set, data), ...limitData(config, set)];
}

/**
 * One step from level `from` to the next, of the given order. The predictor uses the outputs up to `from`; the corrector
 * the one after it too. Both start at `corrected`, the sample at `from`.
 */
function update(
  config: Config,
  levels: readonly NoiseLevel[],
  from: number,
  order: number,
  corrector: boolean,
): Combination {
  const [start, end] = [levels[from], levels[from + 1]];
  const step = end.lambda - start.lambda;
  const hh = config.predict_x0 ? -step : step;
  const phi1 = Math.expm1(hh);
  const scale = config.solver_type === 'bh1' ? hh : phi1;
  const earlier = range(1, order);
  const ratios = earlier.map((back) => (levels[from - back].lambda - start.lambda) / step);
  const weights = corrector
    ? correctorWeights([...ratios, 1], hh, phi1, scale)
    : predictorWeights(ratios, hh, phi1, scale);
  const latest: Combination = { [register(config, from)]: 1 };
  const slopes = earlier.map((back, k): [number, Combination] => [
    weights[k] / ratios[k],
    sumOf([1, { [register(config, from - back)]: 1 }], [-1, latest]),
  ]);
  if (corrector) {
    const reached = { [register(config, from + 1)]: 1 };
    slopes.push([weights[order - 1], sumOf([1, reached], [-1, latest])]);
  }
  const [kept, added] = config.predict_x0
    ? [end.sigma / start.sigma, end.alpha]
    : [end.alpha / start.alpha, end.sigma];
  return sumOf(
    [kept, { corrected: 1 }],
    [-added * phi1, latest],
    ...slopes.map(([weight, slope]) => [-added * scale * weight, slope] as const),
  );
}

function predictorWeights(
  ratios: readonly number[],
  hh: number,
  phi1: number,
  scale: number,
): number[] {
  // Order 2 takes 1/2 instead of the solution, as the paper's appendix F does.
  if (ratios.length < 2) return ratios.map(() => 0.5);
  return phiWeights(ratios, hh, phi1, scale);
}

function correctorWeights(
  ratios: readonly number[],
  hh: number,
  phi1: number,
  scale: number,
): number[] {
  return ratios.length === 1 ? [0.5] : phiWeights(ratios, hh, phi1, scale);
}

/** Σ weight · ratio^k = (k + 1)! · phi_(k+2)(hh) · hh / scale, for k from 0 (theorem 3.1). */
function phiWeights(ratios: readonly number[], hh: number, phi1: number, scale: number): number[] {
  let phi = phi1 / hh - 1;
  let factorial = 1;
  const right = ratios.map((_, k) => {
    const value = (phi * factorial) / scale;
    factorial *= k + 2;
    phi = phi / hh - 1 / factorial;
    return value;
  });
  return solve(
    right.map((_, k) => ratios.map((ratio) => ratio ** k)),
    right,
  );
}

/** Timesteps and sigmas; the sigmas have one more at the end. */
function course(config: Config, options: ScheduleOptions, table: NoiseTable) {
  const { num_train_timesteps: train, use_flow_sigmas: flow } = config;
  if (options.sigmas && (!flow || isDistributed(config))) {
    throw mustBe(name, 'sigmas', 'given only with flow sigmas', options.sigmas, 'UNSUPPORTED');
  }
  if (config.use_dynamic_shifting && options.mu === undefined) {
    throw mustBe(name, 'mu', 'a number where use_dynamic_shifting is true', options.mu);
  }
  const count = options.sigmas?.length ?? stepCount(name, options);
  const max = config.sigma_max ?? table.sigmas[train - 1];
  const min = config.sigma_min ?? table.sigmas[0];
  const distributed = distributeSigmas(config, max, min, count);
  if (distributed) {
    const sigmas =
      flow && config.use_karras_sigmas ? distributed.map((s) => s / (s + 1)) : distributed;
    const exact = sigmas.map((sigma) => timestepOfSigma(sigma, table.logSigmas));
    const timesteps = !config.use_karras_sigmas
      ? exact.map(Math.trunc)
      : flow
        ? sigmas.map((sigma) => Math.trunc(sigma * train))
        : exact.map(roundHalfEven);
    return { timesteps, sigmas: [...sigmas, lastSigma(config, sigmas[count - 1])] };
  }
  if (flow) {
    const unshifted = options.sigmas ?? linspace(1, 1 / train, count + 1).slice(0, -1);
    const shift = { ...config, shift: config.flow_shift };
    const sigmas = shiftFlowSigmas(name, shift, unshifted, options.mu);
    // At sigma 1 nothing is left of the data, and its logarithm is infinite.
    if (Math.abs(sigmas[0] - 1) < 1e-6) sigmas[0] -= 1e-6;
    return {
      timesteps: sigmas.map((sigma) => Math.trunc(sigma * train)),
      sigmas: [...sigmas, lastSigma(config, sigmas[count - 1])],
    };
  }
  const timesteps = spacedTimestepsAboveLowest(config, count);
  const sigmas = timesteps.map((timestep) => interpolate(timestep, table.sigmas));
  return { timesteps, sigmas: [...sigmas, lastSigma(config, table.sigmas[0])] };
}

function isDistributed(config: Config): boolean {
  return config.use_karras_sigmas || config.use_exponential_sigmas || config.use_beta_sigmas;
}

function lastSigma(config: Config, lowest: number): number {
  return config.final_sigmas_type === 'zero' ? 0 : lowest;
}
