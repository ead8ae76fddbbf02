import { assign, sumOf } from '../combination.js';
import { boolean, type ConfigOf, integer, number, oneOf, readConfig } from '../config.js';
import { denoised, limitData, thresholdFields } from '../data-limits.js';
import { mustBe } from '../error.js';
import { type NoiseTable, noiseTable, tableFields } from '../noise-table.js';
import { beginOf, checkFinite, checkOptions, range } from '../options.js';
import { mixtureOf, predictedData, predictedNoise } from '../prediction.js';
import type { Assignment, ScheduleOptions, Scheduler, Step } from '../schedule.js';
import { stridedTimesteps } from '../strided-timesteps.js';

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
  const { timesteps, stride } = stridedTimesteps(name, config, options);
  const count = timesteps.length;
  const begin = beginOf(name, options, count);
  const last = config.set_alpha_to_one ? 1 : alphasCumprod[0];
  const steps = range(begin, count).map((i): Step => {
    const timestep = timesteps[i];
    const mixture = mixtureOf(alphasCumprod[timestep]);
    const reached = timestep - stride;
    const next = reached >= 0 ? alphasCumprod[reached] : last;
    return {
      timestep,
      sigma: mixture.sigma,
      before: [],
      input: { sample: 1 },
      after: [
        assign(denoised, predictedData(config.prediction_type, mixture)),
        ...limitData(config),
        ...remix(alphasCumprod[timestep], next, eta, i - begin),
      ],
      addNoise: { sample: mixture.alpha, noise: mixture.sigma },
      velocity: { sample: -mixture.sigma, noise: mixture.alpha },
    };
  });

  /** To the next mixture: `denoised` is the data, epsilon what the model or the clipped data say. */
  function remix(now: number, next: number, noisiness: number, draw: number): Assignment[] {
    const { alpha, sigma } = mixtureOf(now);
    const epsilon = useClippedModelOutput
      ? { sample: 1 / sigma, [denoised]: -alpha / sigma }
      : predictedNoise(config.prediction_type, { alpha, sigma });
    const variance = ((1 - next) / (1 - now)) * (1 - now / next);
    const deviation = noisiness * Math.sqrt(variance);
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

  return checkFinite({
    scheduler: name,
    initialNoiseScale: 1,
    timesteps,
    sigmas: [...timesteps.map((t) => mixtureOf(alphasCumprod[t]).sigma), mixtureOf(last).sigma],
    begin,
    predictsVariance: false,
    steps,
  });
}
