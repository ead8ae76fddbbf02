import { assign } from '../combination.js';
import { boolean, type ConfigOf, integer, oneOf, readConfig } from '../config.js';
import { eulerStep } from '../euler.js';
import { makeSchedule, type StepDraft } from '../make-schedule.js';
import { type NoiseTable, noiseTable, tableFields } from '../noise-table.js';
import { beginOf, checkOptions, stepCount } from '../options.js';
import { predictedDataAt } from '../prediction.js';
import type { Assignment, ScheduleOptions, Scheduler } from '../schedule.js';
import { noiseScaleOf, scaledInput, sigmasAt } from '../spaced-sigmas.js';
import { range, spacedTimesteps } from '../spacing.js';

const name = 'EulerAncestralDiscreteScheduler';

const fields = {
  ...tableFields,
  // The original refuses sample.
  prediction_type: oneOf('epsilon', 'v_prediction'),
  timestep_spacing: oneOf('linspace', 'leading', 'trailing'),
  steps_offset: integer(0, 0),
  rescale_betas_zero_snr: boolean(false),
};

type Config = ConfigOf<typeof fields>;

/**
 * Euler's method along sigma, where x = data + sigma · noise, to below the next sigma, and up to it with fresh noise.
 *
 * Source: diffusers 0.42.1 scheduling_euler_ancestral_discrete.py.
 */
export function eulerAncestralDiscrete(json: Readonly<Record<string, unknown>> = {}): Scheduler {
  const config = readConfig(name, fields, json);
  const table = noiseTable(name, config, { lastAlphaCumprod: 2 ** -24 });
  return { name, schedule: (options) => schedule(config, table, options) };
}

function schedule(config: Config, table: NoiseTable, options: ScheduleOptions) {
  checkOptions(name, options);
  const timesteps = spacedTimesteps(config, stepCount(name, options));
  const sigmas = [...sigmasAt(timesteps, table), 0];
  const begin = beginOf(name, options, timesteps.length);
  const steps = range(begin, timesteps.length).map((i): StepDraft => {
    const [from, to] = [sigmas[i], sigmas[i + 1]];
    const up = Math.sqrt((to ** 2 * (from ** 2 - to ** 2)) / from ** 2);
    const down = Math.sqrt(to ** 2 - up ** 2);
    const next = eulerStep(from, down, predictedDataAt(config.prediction_type, from));
    const draw: Assignment = { kind: 'draw', set: 'noise', index: i - begin };
    return {
      timestep: timesteps[i],
      sigma: from,
      input: scaledInput(from),
      after: [...(up === 0 ? [] : [draw]), assign('sample', { ...next, noise: up })],
      addNoise: { sample: 1, noise: from },
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
