import { addedNoise, addNoise, checkChurn } from '../churn.js';
import { assign } from '../combination.js';
import { boolean, type ConfigOf, integer, nullable, number, oneOf, readConfig } from '../config.js';
import { mustBe } from '../error.js';
import { eulerStep } from '../euler.js';
import { makeSchedule, type StepDraft } from '../make-schedule.js';
import { type NoiseTable, noiseTable, tableFields } from '../noise-table.js';
import { beginOf, checkOptions, onlyOneOf, stepCount } from '../options.js';
import { mixtureOf, predictedDataAt } from '../prediction.js';
import type { ScheduleOptions, Scheduler } from '../schedule.js';
import {
  exponentialSigmas,
  requireOneDistribution,
  sigmaDistributionFields,
  timestepOfSigma,
} from '../sigmas.js';
import { noiseScaleOf, redistribute, scaledInput, sigmasAt } from '../spaced-sigmas.js';
import { range, spacedTimesteps } from '../spacing.js';

const name = 'EulerDiscreteScheduler';

const fields = {
  ...tableFields,
  prediction_type: oneOf('epsilon', 'sample', 'original_sample', 'v_prediction'),
  interpolation_type: oneOf('linear', 'log_linear'),
  ...sigmaDistributionFields,
  sigma_min: nullable(number(0, 0)),
  sigma_max: nullable(number(0, 0)),
  timestep_spacing: oneOf('linspace', 'leading', 'trailing'),
  timestep_type: oneOf('discrete', 'continuous'),
  steps_offset: integer(0, 0),
  rescale_betas_zero_snr: boolean(false),
  final_sigmas_type: oneOf('zero', 'sigma_min'),
};

type Config = ConfigOf<typeof fields>;

/**
 * Euler's method along sigma, where x = data + sigma · noise; with churn, noise is added after the model was asked.
 *
 * Source: diffusers 0.42.1 scheduling_euler_discrete.py; Karras et al. 2022, algorithm 2.
 */
export function eulerDiscrete(json: Readonly<Record<string, unknown>> = {}): Scheduler {
  const config = readConfig(name, fields, json);
  requireOneDistribution(name, config);
  const table = noiseTable(name, config, { lastAlphaCumprod: 2 ** -24 });
  return { name, schedule: (options) => schedule(config, table, options) };
}

function schedule(config: Config, table: NoiseTable, options: ScheduleOptions) {
  checkOptions(name, options, 'timesteps', 'sigmas', 'churn');
  checkChurn(name, options.churn);
  const { timesteps, sigmas } = course(config, table, options);
  const begin = beginOf(name, options, timesteps.length);
  const type = config.prediction_type === 'original_sample' ? 'sample' : config.prediction_type;
  let draws = 0;
  const steps = range(begin, timesteps.length).map((i): StepDraft => {
    const sigma = sigmas[i];
    const { sigmaHat, noise } = addedNoise(options.churn, sigma, sigmas.length - 1);
    const data = predictedDataAt(type, type === 'epsilon' ? sigmaHat : sigma);
    // get_velocity of the original looks its table up by the index of the step, not by the timestep.
    const looked = i < table.alphasCumprod.length ? mixtureOf(table.alphasCumprod[i]) : undefined;
    return {
      timestep: timesteps[i],
      sigma,
      input: scaledInput(sigma),
      after: [
        ...(noise === 0 ? [] : addNoise(noise, draws++)),
        assign('sample', eulerStep(sigmaHat, sigmas[i + 1], data)),
      ],
      addNoise: { sample: 1, noise: sigma },
      ...(looked && { velocity: { sample: -looked.sigma, noise: looked.alpha } }),
    };
  });
  return makeSchedule({
    scheduler: name,
    initialNoiseScale: noiseScaleOf(config.timestep_spacing, sigmas),
    timesteps,
    sigmas,
    begin,
    steps,
  });
}

/** Timesteps and sigmas; the sigmas have one more at the end, and one more again with log_linear interpolation. */
function course(config: Config, table: NoiseTable, options: ScheduleOptions) {
  onlyOneOf(name, options, 'steps', 'timesteps', 'sigmas');
  const isContinuous =
    config.timestep_type === 'continuous' && config.prediction_type === 'v_prediction';
  const { timesteps, sigmas } = options.sigmas
    ? explicitSigmas(options.sigmas, table)
    : computedSigmas(config, table, options, isContinuous);
  return {
    timesteps: isContinuous
      ? sigmas.slice(0, -1).map((sigma) => 0.25 * Math.log(sigma))
      : timesteps,
    sigmas,
  };
}

/** Explicit sigmas name the last one too. */
function explicitSigmas(sigmas: readonly number[], table: NoiseTable) {
  if (sigmas.length < 2) throw mustBe(name, 'sigmas', 'two or more, the last included', sigmas);
  return {
    timesteps: sigmas.slice(0, -1).map((sigma) => timestepOfSigma(sigma, table.logSigmas)),
    sigmas,
  };
}

function computedSigmas(
  config: Config,
  table: NoiseTable,
  options: ScheduleOptions,
  isContinuous: boolean,
) {
  const count = options.timesteps?.length ?? stepCount(name, options);
  const timesteps = options.timesteps ?? spacedTimesteps(config, count);
  const highest = table.sigmas[config.num_train_timesteps - 1];
  const onTable =
    config.interpolation_type === 'linear'
      ? sigmasAt(timesteps, table)
      : exponentialSigmas(highest, table.sigmas[0], count + 1);
  const distributed = redistribute(config, onTable, count, table);
  if (options.timesteps && (distributed || isContinuous)) {
    const expected = 'given only with discrete timesteps and without other distributions of sigmas';
    throw mustBe(name, 'timesteps', expected, options.timesteps);
  }
  const last = config.final_sigmas_type === 'zero' ? 0 : table.sigmas[0];
  const course = distributed ?? { timesteps, sigmas: onTable };
  return { timesteps: course.timesteps, sigmas: [...course.sigmas, last] };
}
