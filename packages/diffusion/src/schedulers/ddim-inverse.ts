import { assign, sumOf } from '../combination.js';
import { boolean, type ConfigOf, integer, number, oneOf, readConfig } from '../config.js';
import { denoised, limitData } from '../data-limits.js';
import { mustBe } from '../error.js';
import { makeSchedule, type StepDraft } from '../make-schedule.js';
import { type NoiseTable, noiseTable, tableFields } from '../noise-table.js';
import { beginOf, checkOptions, stepCount } from '../options.js';
import { mixtureOf, predictedData, predictedNoise } from '../prediction.js';
import type { ScheduleOptions, Scheduler } from '../schedule.js';
import { range, roundHalfEven, spacedTimesteps } from '../spacing.js';

const name = 'DDIMInverseScheduler';

const fields = {
  ...tableFields,
  clip_sample: boolean(true),
  set_alpha_to_one: boolean(true),
  steps_offset: integer(0, 0),
  prediction_type: oneOf('epsilon', 'sample', 'v_prediction'),
  clip_sample_range: number(1, 0),
  timestep_spacing: oneOf('leading', 'trailing'),
  rescale_betas_zero_snr: boolean(false),
};

type Config = ConfigOf<typeof fields>;

/**
 * DDIM backwards: from data to the noise it comes from. Begins with a clean sample; timesteps rise, and the model is told
 * the timestep a step arrives at. `sigma` is the weight of the noise where the step begins.
 *
 * Source: diffusers 0.42.1 scheduling_ddim_inverse.py.
 */
export function ddimInverse(json: Readonly<Record<string, unknown>> = {}): Scheduler {
  const config = readConfig(name, fields, json);
  const table = noiseTable(name, config);
  return { name, schedule: (options) => schedule(config, table, options) };
}

function schedule(config: Config, { alphasCumprod }: NoiseTable, options: ScheduleOptions) {
  checkOptions(name, options);
  const { prediction_type: type, num_train_timesteps: train } = config;
  const count = stepCount(name, options, train);
  const timesteps = spacedTimesteps(config, count).map(roundHalfEven).reverse();
  if (timesteps.some((t) => t < 0 || t >= train)) {
    throw mustBe(name, 'timesteps', `from 0 to ${train - 1}`, timesteps, 'BAD_CONFIG');
  }
  const begin = beginOf(name, options, count);
  const first = config.set_alpha_to_one ? 1 : alphasCumprod[0];
  const levels = timesteps.map((timestep) => {
    const from = Math.min(timestep - Math.floor(train / count), train - 1);
    return from >= 0 ? alphasCumprod[from] : first;
  });
  const steps = range(begin, count).map((i): StepDraft => {
    const mixture = mixtureOf(levels[i]);
    const next = mixtureOf(alphasCumprod[timesteps[i]]);
    const remixed = sumOf(
      [next.alpha, { [denoised]: 1 }],
      [next.sigma, predictedNoise(type, mixture)],
    );
    return {
      timestep: timesteps[i],
      sigma: mixture.sigma,
      after: [
        assign(denoised, predictedData(type, mixture)),
        ...limitData(config),
        assign('sample', remixed),
      ],
      addNoise: { sample: mixture.alpha, noise: mixture.sigma },
    };
  });
  const reached = mixtureOf(alphasCumprod[timesteps[count - 1]]).sigma;
  return makeSchedule({
    scheduler: name,
    timesteps,
    sigmas: [...levels.map((alpha) => mixtureOf(alpha).sigma), reached],
    begin,
    steps,
  });
}
