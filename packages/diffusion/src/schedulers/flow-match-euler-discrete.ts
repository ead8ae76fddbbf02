import { assign } from '../combination.js';
import { boolean, type ConfigOf, integer, nullable, number, oneOf, readConfig } from '../config.js';
import { mustBe } from '../error.js';
import { shiftFlowSigmas } from '../flow-sigmas.js';
import { makeSchedule, type StepDraft } from '../make-schedule.js';
import { beginOf, checkOptions, roundingOf, stepCount } from '../options.js';
import type { Assignment, ScheduleOptions, Scheduler } from '../schedule.js';
import {
  distributeSigmas,
  requireOneDistribution,
  shiftSigma,
  sigmaDistributionFields,
} from '../sigmas.js';
import { linspace, range } from '../spacing.js';

const name = 'FlowMatchEulerDiscreteScheduler';

const fields = {
  num_train_timesteps: integer(1000, 1),
  shift: number(1, 0),
  use_dynamic_shifting: boolean(false),
  base_shift: nullable(number(0.5), 0.5),
  max_shift: nullable(number(1.15), 1.15),
  base_image_seq_len: integer(256, 1),
  max_image_seq_len: integer(4096, 1),
  invert_sigmas: boolean(false),
  shift_terminal: nullable(number(0, 0, 1)),
  ...sigmaDistributionFields,
  time_shift_type: oneOf('exponential', 'linear'),
  stochastic_sampling: boolean(false),
};

type Config = ConfigOf<typeof fields>;

/**
 * Euler's method on the straight path from noise to data: x ← x + (next sigma - sigma) · velocity, where
 * x = (1 - sigma) · data + sigma · noise. `sigma` is that weight of the noise, `timestep` is sigma · num_train_timesteps.
 *
 * Source: diffusers 0.42.1 scheduling_flow_match_euler_discrete.py; Esser et al. 2024 (shift, section 5.3.2).
 */
export function flowMatchEulerDiscrete(json: Readonly<Record<string, unknown>> = {}): Scheduler {
  const config = readConfig(name, fields, json);
  requireOneDistribution(name, config);
  return { name, schedule: (options) => schedule(config, options) };
}

function schedule(config: Config, options: ScheduleOptions) {
  checkOptions(name, options, 'timesteps', 'sigmas', 'mu', 'tokenTimesteps', 'precision');
  const round = roundingOf(name, options);
  const sigmas = sigmasOf(config, options).map(round);
  const count = sigmas.length - 1;
  const timesteps = sigmas.slice(0, -1).map((sigma) => round(sigma * config.num_train_timesteps));
  const begin = beginOf(name, options, count);
  const tokens = options.tokenTimesteps;
  if (tokens) checkTokens(config, tokens, count);
  const steps = range(begin, count).map((i): StepDraft => {
    const after = tokens
      ? [tokenStep(tokens[i], sigmas, config.num_train_timesteps)]
      : eulerStep(config, sigmas[i], sigmas[i + 1], i - begin);
    return {
      timestep: timesteps[i],
      ...(tokens && { tokenTimesteps: tokens[i] }),
      sigma: sigmas[i],
      after,
      addNoise: { sample: 1 - sigmas[i], noise: sigmas[i] },
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

/** The sigma of each step and the last one, where the run ends. */
function sigmasOf(config: Config, options: ScheduleOptions): number[] {
  const shifted = shiftFlowSigmas(name, config, unshiftedSigmas(config, options), options.mu);
  const count = shifted.length;
  const sigmas = distributeSigmas(config, shifted[0], shifted[count - 1], count) ?? shifted;
  return config.invert_sigmas ? [...sigmas.map((sigma) => 1 - sigma), 1] : [...sigmas, 0];
}

function unshiftedSigmas(config: Config, options: ScheduleOptions): readonly number[] {
  const { timesteps, sigmas } = options;
  const train = config.num_train_timesteps;
  const given = sigmas ?? timesteps?.map((timestep) => timestep / train);
  if (!given) {
    // The ends are shifted here and once more with all the others: the original does both.
    const end = (sigma: number) =>
      config.use_dynamic_shifting ? sigma : shiftSigma(sigma, config.shift);
    const count = stepCount(name, options);
    return linspace(end(1) * train, end(1 / train) * train, count).map((t) => t / train);
  }
  if (sigmas && timesteps && sigmas.length !== timesteps.length) {
    throw mustBe(name, 'number of timesteps', `number of sigmas, ${sigmas.length}`, timesteps);
  }
  if (options.steps !== undefined && options.steps !== given.length) {
    throw mustBe(name, 'steps', `number of sigmas or timesteps, ${given.length}`, options.steps);
  }
  return given;
}

function eulerStep(config: Config, sigma: number, next: number, draw: number): Assignment[] {
  if (!config.stochastic_sampling) {
    return [assign('sample', { sample: 1, prediction: next - sigma })];
  }
  // The data as predicted, noised anew.
  const data = { sample: 1 - next, prediction: -sigma * (1 - next) };
  if (next === 0) return [assign('sample', data)];
  return [{ kind: 'draw', set: 'noise', index: draw }, assign('sample', { ...data, noise: next })];
}

/**
 * Each token goes from its own sigma to the next lower one of the schedule; a token at 0 stays. The prediction is the
 * velocity as everywhere else (diffusers wants it negated here).
 */
function tokenStep(
  tokens: readonly number[],
  sigmas: readonly number[],
  train: number,
): Assignment {
  const change = tokens.map((timestep) => {
    const sigma = timestep / train;
    return Math.max(0, ...sigmas.filter((lower) => lower < sigma - 1e-6)) - sigma;
  });
  return {
    kind: 'combine-tokens',
    set: 'sample',
    sum: { sample: tokens.map(() => 1), prediction: change },
  };
}

function checkTokens(config: Config, tokens: readonly (readonly number[])[], count: number): void {
  if (config.stochastic_sampling) {
    throw mustBe(name, 'stochastic_sampling', 'false with tokenTimesteps', true, 'UNSUPPORTED');
  }
  const [first] = tokens;
  if (tokens.length !== count || tokens.some((step) => step.length !== first.length)) {
    const lengths = tokens.map((step) => step.length);
    throw mustBe(name, 'tokenTimesteps', `${count} lists of one length`, lengths);
  }
  const wrong = tokens.flat().find((t) => !(t >= 0 && t <= config.num_train_timesteps));
  if (wrong !== undefined) {
    throw mustBe(name, 'tokenTimesteps', `0 to ${config.num_train_timesteps}`, wrong);
  }
}
