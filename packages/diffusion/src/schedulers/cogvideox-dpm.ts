import { assign, sumOf } from '../combination.js';
import { type ConfigOf, readConfig } from '../config.js';
import { outputRegister } from '../multistep.js';
import { beginOf, checkFinite, checkOptions, range } from '../options.js';
import { mixtureOf, predictedData } from '../prediction.js';
import type { Combination, ScheduleOptions, Scheduler, Step } from '../schedule.js';
import { snrShiftedAlphas, snrShiftFields } from '../snr-shift.js';
import { stridedTimesteps } from '../strided-timesteps.js';

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
  const { timesteps, stride } = stridedTimesteps(name, config, options);
  const count = timesteps.length;
  const begin = beginOf(name, options, count);
  const last = config.set_alpha_to_one ? 1 : alphas[0];
  let draws = 0;
  const steps = range(begin, count).map((i): Step => {
    const reached = timesteps[i] - stride;
    const now = alphas[timesteps[i]];
    const next = reached >= 0 ? alphas[reached] : last;
    const h = halfLogSnr(next) - halfLogSnr(now);
    const mixture = mixtureOf(now);
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
    return {
      timestep: timesteps[i],
      sigma: mixture.sigma,
      before: [],
      input: { sample: 1 },
      after: [
        assign(outputRegister(i, 2), predictedData(config.prediction_type, mixture)),
        ...(update.noise === 0 ? [] : [{ kind: 'draw', set: 'noise', index: draws - 1 } as const]),
        assign('sample', update),
      ],
      addNoise: { sample: mixture.alpha, noise: mixture.sigma },
      velocity: { sample: -mixture.sigma, noise: mixture.alpha },
    };
  });
  return checkFinite({
    scheduler: name,
    initialNoiseScale: 1,
    timesteps,
    sigmas: [...timesteps.map((t) => mixtureOf(alphas[t]).sigma), mixtureOf(last).sigma],
    begin,
    predictsVariance: false,
    steps,
  });
}

/** ln √(alpha / (1 - alpha)), infinite at the ends. */
function halfLogSnr(alpha: number): number {
  return Math.log(Math.sqrt(alpha / (1 - alpha)));
}
