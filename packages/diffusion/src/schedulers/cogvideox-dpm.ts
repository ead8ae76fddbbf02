import { assign, sumOf } from '../combination.js';
import { type ConfigOf, readConfig } from '../config.js';
import { outputRegister } from '../multistep.js';
import { checkOptions } from '../options.js';
import { predictedData } from '../prediction.js';
import type { Assignment, Combination, ScheduleOptions, Scheduler } from '../schedule.js';
import { snrShiftedAlphas, snrShiftFields } from '../snr-shift.js';
import { stridedCourse } from '../strided-course.js';
import { variancePreservingSchedule } from '../variance-preserving.js';

const name = 'CogVideoXDPMScheduler';

type Config = ConfigOf<typeof snrShiftFields>;

/**
 * Stochastic DPM-Solver++ of second order over a table shifted towards noise, for CogVideoX: first order in the first and
 * last step. `sigma` is the weight of the noise, √(1 - alphas_cumprod). Every step but those two draws twice in the
 * original and uses the second draw.
 *
 * Source: diffusers 0.42.1 scheduling_dpm_cogvideox.py, called as its pipeline does.
 */
export function cogVideoXDpm(json: Readonly<Record<string, unknown>> = {}): Scheduler {
  const config = readConfig(name, snrShiftFields, json);
  const alphas = snrShiftedAlphas(name, config);
  return { name, schedule: (options) => schedule(config, alphas, options) };
}

function schedule(config: Config, alphas: readonly number[], options: ScheduleOptions) {
  checkOptions(name, options);
  const { stride, alphaAt, ...course } = stridedCourse(name, config, alphas, options);
  const { timesteps, begin } = course;
  let draws = 0;
  return variancePreservingSchedule({
    ...course,
    scheduler: name,
    alphasCumprod: alphas,
    advance(i, mixture) {
      const reached = timesteps[i] - stride;
      const [now, next] = [alphaAt(timesteps[i]), alphaAt(reached)];
      const h = halfLogSnr(next) - halfLogSnr(now);
      const isSecondOrder = i > begin && reached >= 0;
      const output: Combination = { [outputRegister(i, 2)]: 1 };
      const slope = isSecondOrder
        ? h / (2 * (halfLogSnr(now) - halfLogSnr(alphas[timesteps[i - 1]])))
        : 0;
      const data = isSecondOrder
        ? sumOf([1 + slope, output], [-slope, { [outputRegister(i - 1, 2)]: 1 }])
        : output;
      draws += isSecondOrder ? 2 : 1;
      const update = sumOf(
        [Math.sqrt((1 - next) / (1 - now)) * Math.exp(-h), { sample: 1 }],
        [-Math.expm1(-2 * h) * Math.sqrt(next), data],
        [Math.sqrt(1 - next) * Math.sqrt(-Math.expm1(-2 * h)), { noise: 1 }],
      );
      const draw: Assignment = { kind: 'draw', set: 'noise', index: draws - 1 };
      return [
        assign(outputRegister(i, 2), predictedData(config.prediction_type, mixture)),
        ...(update.noise === 0 ? [] : [draw]),
        assign('sample', update),
      ];
    },
  });
}

/** ln √(alpha / (1 - alpha)), infinite at the ends. */
function halfLogSnr(alpha: number): number {
  return Math.log(Math.sqrt(alpha / (1 - alpha)));
}
