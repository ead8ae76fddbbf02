import { assign } from '../combination.js';
import { boolean, type ConfigOf, integer, number, oneOf, readConfig } from '../config.js';
import { denoised, limitData } from '../data-limits.js';
import { mustBe } from '../error.js';
import { doubled, heunCalls } from '../heun.js';
import { makeSchedule, type StepDraft } from '../make-schedule.js';
import { type NoiseTable, noiseTable, tableFields } from '../noise-table.js';
import { beginOf, checkOptions, onlyOneOf, stepCount } from '../options.js';
import { predictedDataAt } from '../prediction.js';
import type { Assignment, ScheduleOptions, Scheduler } from '../schedule.js';
import { requireOneDistribution, sigmaDistributionFields } from '../sigmas.js';
import { noiseScaleOf, redistribute, scaledInput, sigmasAt } from '../spaced-sigmas.js';
import { spacedTimesteps } from '../spacing.js';

const name = 'HeunDiscreteScheduler';

const fields = {
  ...tableFields,
  beta_start: number(0.00085, 0, 1),
  beta_end: number(0.012, 0, 1),
  beta_schedule: oneOf('linear', 'scaled_linear', 'squaredcos_cap_v2', 'exp'),
  prediction_type: oneOf('epsilon', 'sample', 'v_prediction'),
  ...sigmaDistributionFields,
  clip_sample: boolean(false),
  clip_sample_range: number(1, 0),
  timestep_spacing: oneOf('linspace', 'leading', 'trailing'),
  steps_offset: integer(0, 0),
};

type Config = ConfigOf<typeof fields>;

/**
 * Heun's method along sigma, where x = data + sigma · noise: 2N - 1 calls for N steps, the last one Euler's.
 *
 * Source: diffusers 0.42.1 scheduling_heun_discrete.py; Karras et al. 2022, algorithm 1.
 */
export function heunDiscrete(json: Readonly<Record<string, unknown>> = {}): Scheduler {
  const config = readConfig(name, fields, json);
  requireOneDistribution(name, config);
  const table = noiseTable(name, config);
  return { name, schedule: (options) => schedule(config, table, options) };
}

function schedule(config: Config, table: NoiseTable, options: ScheduleOptions) {
  checkOptions(name, options, 'timesteps');
  const course = courseOf(config, table, options);
  const timesteps = doubled(course.timesteps);
  const sigmas = [...doubled(course.sigmas), 0];
  const begin = beginOf(name, options, timesteps.length);
  const steps = heunCalls(sigmas, begin).map(({ index, isFirst, sigma, next }): StepDraft => {
    const at = isFirst ? sigma : next;
    const half = (next - sigma) / 2;
    const slope = { sample: 1 / at, [denoised]: -1 / at };
    const update: Assignment[] = isFirst
      ? [
          assign('slope', slope),
          assign('base', { sample: 1 }),
          assign('sample', { base: 1, slope: 2 * half }),
        ]
      : [
          assign('sample', {
            base: 1,
            slope: half,
            sample: half * slope.sample,
            [denoised]: half * slope[denoised],
          }),
        ];
    return {
      timestep: timesteps[index],
      sigma: sigmas[index],
      input: scaledInput(sigmas[index]),
      after: [
        assign(denoised, predictedDataAt(config.prediction_type, at)),
        ...limitData(config),
        ...update,
      ],
      addNoise: { sample: 1, noise: sigmas[index] },
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

/** One timestep and one sigma per step. */
function courseOf(config: Config, table: NoiseTable, options: ScheduleOptions) {
  onlyOneOf(name, options, 'steps', 'timesteps');
  const count = options.timesteps?.length ?? stepCount(name, options);
  const timesteps = options.timesteps ?? spacedTimesteps(config, count);
  const sigmas = sigmasAt(timesteps, table);
  const distributed = redistribute(config, sigmas, count, table);
  if (options.timesteps && distributed) {
    const expected = 'given only without other distributions of sigmas';
    throw mustBe(name, 'timesteps', expected, options.timesteps);
  }
  return distributed ?? { timesteps, sigmas };
}
