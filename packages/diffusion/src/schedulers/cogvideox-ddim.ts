import { assign, sumOf } from '../combination.js';
import { type ConfigOf, readConfig } from '../config.js';
import { beginOf, checkFinite, checkOptions, range } from '../options.js';
import { mixtureOf, predictedData } from '../prediction.js';
import type { ScheduleOptions, Scheduler, Step } from '../schedule.js';
import { snrShiftedAlphas, snrShiftFields } from '../snr-shift.js';
import { stridedTimesteps } from '../strided-timesteps.js';

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
  const { timesteps, stride } = stridedTimesteps(name, config, options);
  const count = timesteps.length;
  const begin = beginOf(name, options, count);
  const last = config.set_alpha_to_one ? 1 : alphas[0];
  const steps = range(begin, count).map((i): Step => {
    const now = alphas[timesteps[i]];
    const next = timesteps[i] >= stride ? alphas[timesteps[i] - stride] : last;
    const mixture = mixtureOf(now);
    const kept = Math.sqrt((1 - next) / (1 - now));
    const data = predictedData(config.prediction_type, mixture);
    return {
      timestep: timesteps[i],
      sigma: mixture.sigma,
      before: [],
      input: { sample: 1 },
      after: [
        assign(
          'sample',
          sumOf([kept, { sample: 1 }], [Math.sqrt(next) - mixture.alpha * kept, data]),
        ),
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
