import { assign, sumOf } from '../combination.js';
import { type ConfigOf, readConfig } from '../config.js';
import { checkOptions } from '../options.js';
import { predictedData } from '../prediction.js';
import type { ScheduleOptions, Scheduler } from '../schedule.js';
import { snrShiftedAlphas, snrShiftFields } from '../snr-shift.js';
import { stridedCourse } from '../strided-course.js';
import { variancePreservingSchedule } from '../variance-preserving.js';

const name = 'CogVideoXDDIMScheduler';

type Config = ConfigOf<typeof snrShiftFields>;

/**
 * DDIM without noise over a table shifted towards noise, for CogVideoX. `sigma` is the weight of the noise,
 * √(1 - alphas_cumprod).
 *
 * Source: diffusers 0.42.1 scheduling_ddim_cogvideox.py.
 */
export function cogVideoXDdim(json: Readonly<Record<string, unknown>> = {}): Scheduler {
  const config = readConfig(name, snrShiftFields, json);
  const alphas = snrShiftedAlphas(name, config);
  return { name, schedule: (options) => schedule(config, alphas, options) };
}

function schedule(config: Config, alphas: readonly number[], options: ScheduleOptions) {
  checkOptions(name, options);
  const { stride, alphaAt, ...course } = stridedCourse(name, config, alphas, options);
  return variancePreservingSchedule({
    ...course,
    scheduler: name,
    alphasCumprod: alphas,
    advance(i, mixture) {
      const now = alphaAt(course.timesteps[i]);
      const next = alphaAt(course.timesteps[i] - stride);
      const kept = Math.sqrt((1 - next) / (1 - now));
      const data = predictedData(config.prediction_type, mixture);
      const added = Math.sqrt(next) - mixture.alpha * kept;
      return [assign('sample', sumOf([kept, { sample: 1 }], [added, data]))];
    },
  });
}
