import { assign } from '../combination.js';
import { boolean, type ConfigOf, integer, number, oneOf, readConfig } from '../config.js';
import { denoised, limitData, thresholdFields } from '../data-limits.js';
import { type NoiseTable, noiseTable, tableFields } from '../noise-table.js';
import { beginOf, checkOptions, checkTrainingTimesteps, onlyOneOf } from '../options.js';
import { predictedData } from '../prediction.js';
import type { Assignment, ScheduleOptions, Scheduler } from '../schedule.js';
import { wholeTimesteps } from '../strided-course.js';
import { variancePreservingSchedule } from '../variance-preserving.js';

const name = 'DDPMScheduler';

const fields = {
  ...tableFields,
  beta_schedule: oneOf('linear', 'scaled_linear', 'squaredcos_cap_v2', 'laplace', 'sigmoid'),
  // Two more are published: learned takes the root of what may be negative, fixed_large_log of what always is.
  variance_type: oneOf('fixed_small', 'fixed_small_log', 'fixed_large', 'learned_range'),
  clip_sample: boolean(true),
  prediction_type: oneOf('epsilon', 'sample', 'v_prediction'),
  ...thresholdFields,
  clip_sample_range: number(1, 0),
  timestep_spacing: oneOf('leading', 'linspace', 'trailing'),
  steps_offset: integer(0, 0),
  rescale_betas_zero_snr: boolean(false),
};

type Config = ConfigOf<typeof fields>;

/**
 * Ancestral sampling of the discrete process: the mean of the posterior, plus noise in every step but that to data.
 * `sigma` is the weight of the noise, √(1 - alphas_cumprod); `timestep` is a whole timestep of training.
 *
 * Source: diffusers 0.42.1 scheduling_ddpm.py; Ho et al. 2020, equations 6 and 7.
 */
export function ddpm(json: Readonly<Record<string, unknown>> = {}): Scheduler {
  const config = readConfig(name, fields, json);
  const table = noiseTable(name, config);
  return { name, schedule: (options) => schedule(config, table, options) };
}

function schedule(config: Config, { alphasCumprod }: NoiseTable, options: ScheduleOptions) {
  checkOptions(name, options, 'timesteps');
  const timesteps = timestepsOf(config, options);
  const begin = beginOf(name, options, timesteps.length);
  return variancePreservingSchedule({
    scheduler: name,
    timesteps,
    begin,
    alphasCumprod,
    last: 1,
    predictsVariance: config.variance_type === 'learned_range',
    advance(i, mixture) {
      const now = alphasCumprod[timesteps[i]];
      const next = i + 1 < timesteps.length ? alphasCumprod[timesteps[i + 1]] : 1;
      return [
        assign(denoised, predictedData(config.prediction_type, mixture)),
        ...limitData(config),
        ...posterior(config, now, next, timesteps[i] > 0 ? i - begin : undefined),
      ];
    },
  });
}

/** From the sample and the predicted data to the next sample, whose alphas_cumprod is `next`. */
function posterior(
  config: Config,
  now: number,
  next: number,
  draw: number | undefined,
): Assignment[] {
  const beta = 1 - now / next;
  const mean = {
    [denoised]: (Math.sqrt(next) * beta) / (1 - now),
    sample: (Math.sqrt(now / next) * (1 - next)) / (1 - now),
  };
  if (draw === undefined) return [assign('sample', mean)];
  const small = Math.max(((1 - next) / (1 - now)) * beta, 1e-20);
  const noise: Assignment = { kind: 'draw', set: 'noise', index: draw };
  if (config.variance_type === 'learned_range') {
    const [logMin, logMax] = [Math.log(small), Math.log(beta)];
    return [
      noise,
      { kind: 'learned-range', set: 'noise', of: 'noise', logMin, logMax },
      assign('sample', { ...mean, noise: 1 }),
    ];
  }
  const variance = config.variance_type === 'fixed_large' ? beta : small;
  return [noise, assign('sample', { ...mean, noise: Math.sqrt(variance) })];
}

function timestepsOf(config: Config, options: ScheduleOptions): readonly number[] {
  onlyOneOf(name, options, 'steps', 'timesteps');
  const { timesteps } = options;
  if (!timesteps) return wholeTimesteps(name, config, options);
  checkTrainingTimesteps(name, timesteps, config.num_train_timesteps);
  return timesteps;
}
