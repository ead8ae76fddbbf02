import { assign, sumOf } from '../combination.js';
import { boolean, type ConfigOf, integer, number, oneOf, readConfig } from '../config.js';
import { denoised, limitData, thresholdFields } from '../data-limits.js';
import { mustBe } from '../error.js';
import { type NoiseTable, noiseTable, tableFields } from '../noise-table.js';
import { checkOptions } from '../options.js';
import { type Mixture, predictedData, predictedNoise } from '../prediction.js';
import type { Assignment, ScheduleOptions, Scheduler } from '../schedule.js';
import { stridedCourse } from '../strided-course.js';
import { variancePreservingSchedule } from '../variance-preserving.js';

const name = 'DDIMScheduler';

const fields = {
  ...tableFields,
  clip_sample: boolean(true),
  set_alpha_to_one: boolean(true),
  steps_offset: integer(0, 0),
  prediction_type: oneOf('epsilon', 'sample', 'v_prediction'),
  ...thresholdFields,
  clip_sample_range: number(1, 0),
  timestep_spacing: oneOf('leading', 'linspace', 'trailing'),
  rescale_betas_zero_snr: boolean(false),
};

type Config = ConfigOf<typeof fields>;

/**
 * DDIM: the predicted data and the predicted noise, mixed anew for the timestep num_train_timesteps / steps below,
 * whatever the spacing. `sigma` is the weight of the noise, √(1 - alphas_cumprod).
 *
 * Source: diffusers 0.42.1 scheduling_ddim.py; Song et al. 2021, equations 12 and 16.
 */
export function ddim(json: Readonly<Record<string, unknown>> = {}): Scheduler {
  const config = readConfig(name, fields, json);
  const table = noiseTable(name, config);
  return { name, schedule: (options) => schedule(config, table, options) };
}

function schedule(config: Config, { alphasCumprod }: NoiseTable, options: ScheduleOptions) {
  checkOptions(name, options, 'eta', 'useClippedModelOutput');
  const { eta = 0, useClippedModelOutput = false } = options;
  if (!(eta >= 0 && Number.isFinite(eta))) throw mustBe(name, 'eta', 'a number from 0', eta);
  const { timesteps, stride, alphaAt, ...course } = stridedCourse(
    name,
    config,
    alphasCumprod,
    options,
  );

  /** To the next mixture: `denoised` is the data, epsilon what the model or the clipped data say. */
  function remix(mixture: Mixture, now: number, next: number, draw: number): Assignment[] {
    const { alpha, sigma } = mixture;
    const epsilon = useClippedModelOutput
      ? { sample: 1 / sigma, [denoised]: -alpha / sigma }
      : predictedNoise(config.prediction_type, mixture);
    const variance = ((1 - next) / (1 - now)) * (1 - now / next);
    const deviation = eta * Math.sqrt(variance);
    const mean = sumOf(
      [Math.sqrt(next), { [denoised]: 1 }],
      [Math.sqrt(1 - next - deviation ** 2), epsilon],
    );
    if (deviation === 0) return [assign('sample', mean)];
    return [
      { kind: 'draw', set: 'noise', index: draw },
      assign('sample', { ...mean, noise: deviation }),
    ];
  }

  return variancePreservingSchedule({
    ...course,
    scheduler: name,
    timesteps,
    alphasCumprod,
    advance: (i, mixture) => [
      assign(denoised, predictedData(config.prediction_type, mixture)),
      ...limitData(config),
      ...remix(mixture, alphaAt(timesteps[i]), alphaAt(timesteps[i] - stride), i - course.begin),
    ],
  });
}
