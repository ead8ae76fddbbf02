import { assign } from '../combination.js';
import { boolean, type ConfigOf, integer, number, oneOf, readConfig } from '../config.js';
import { denoised, limitData, thresholdFields } from '../data-limits.js';
import { mustBe } from '../error.js';
import { type NoiseTable, noiseTable, tableFields } from '../noise-table.js';
import { beginOf, checkOptions, checkTrainingTimesteps, onlyOneOf, stepCount } from '../options.js';
import { mixtureOf, predictedData } from '../prediction.js';
import type { Assignment, ScheduleOptions, Scheduler } from '../schedule.js';
import { range } from '../spacing.js';
import { variancePreservingSchedule } from '../variance-preserving.js';

const name = 'LCMScheduler';

const fields = {
  ...tableFields,
  beta_start: number(0.00085, 0, 1),
  beta_end: number(0.012, 0, 1),
  beta_schedule: oneOf('scaled_linear', 'linear', 'squaredcos_cap_v2'),
  original_inference_steps: integer(50, 1),
  clip_sample: boolean(false),
  clip_sample_range: number(1, 0),
  // These three have no effect in the original either.
  set_alpha_to_one: boolean(true),
  steps_offset: integer(0, 0),
  timestep_spacing: oneOf('leading', 'linspace', 'trailing'),
  prediction_type: oneOf('epsilon', 'sample', 'v_prediction'),
  ...thresholdFields,
  timestep_scaling: number(10),
  rescale_betas_zero_snr: boolean(false),
};

type Config = ConfigOf<typeof fields>;

/**
 * Latent consistency models: every step jumps to data by the consistency function, and all but the last add noise again
 * for the next timestep. `sigma` is the weight of the noise, √(1 - alphas_cumprod).
 *
 * Source: diffusers 0.42.1 scheduling_lcm.py; Luo et al. 2023.
 */
export function lcm(json: Readonly<Record<string, unknown>> = {}): Scheduler {
  const config = readConfig(name, fields, json);
  const table = noiseTable(name, config);
  return { name, schedule: (options) => schedule(config, table, options) };
}

function schedule(config: Config, { alphasCumprod }: NoiseTable, options: ScheduleOptions) {
  checkOptions(name, options, 'timesteps', 'originalInferenceSteps', 'strength');
  const timesteps = timestepsOf(config, options);
  const begin = beginOf(name, options, timesteps.length);
  return variancePreservingSchedule({
    scheduler: name,
    timesteps,
    begin,
    alphasCumprod,
    last: 1,
    advance: (i, mixture) => [
      assign(denoised, predictedData(config.prediction_type, mixture)),
      ...limitData(config),
      ...jump(timesteps[i] * config.timestep_scaling, alphasCumprod[timesteps[i + 1]], i - begin),
    ],
  });
}

/** To data, by a consistency function's boundary scalings for data of standard deviation 0.5; then noised for `next`. */
function jump(time: number, next: number | undefined, draw: number): Assignment[] {
  const skip = 0.25 / (time ** 2 + 0.25);
  const out = time / Math.sqrt(time ** 2 + 0.25);
  if (next === undefined) return [assign('sample', { [denoised]: out, sample: skip })];
  const { alpha, sigma } = mixtureOf(next);
  return [
    { kind: 'draw', set: 'noise', index: draw },
    assign('sample', { [denoised]: alpha * out, sample: alpha * skip, noise: sigma }),
  ];
}

/** Evenly spread over the timesteps the model was distilled at, highest first. */
function timestepsOf(config: Config, options: ScheduleOptions): readonly number[] {
  onlyOneOf(name, options, 'steps', 'timesteps');
  const train = config.num_train_timesteps;
  if (options.timesteps) {
    if (options.strength !== undefined || options.originalInferenceSteps !== undefined) {
      const expected = 'given without strength and originalInferenceSteps';
      throw mustBe(name, 'timesteps', expected, options.timesteps, 'UNSUPPORTED');
    }
    checkTrainingTimesteps(name, options.timesteps, train);
    return options.timesteps;
  }
  const { strength = 1, originalInferenceSteps = config.original_inference_steps } = options;
  if (!(strength > 0 && strength <= 1)) {
    throw mustBe(name, 'strength', 'above 0, at most 1', strength);
  }
  if (!(Number.isInteger(originalInferenceSteps) && originalInferenceSteps <= train)) {
    throw mustBe(name, 'originalInferenceSteps', `at most ${train}`, originalInferenceSteps);
  }
  const available = Math.trunc(originalInferenceSteps * strength);
  const count = stepCount(name, options, available);
  const stride = Math.floor(train / originalInferenceSteps);
  return range(0, count).map((i) => {
    const skipped = Math.floor(i * (available / count));
    return (available - skipped) * stride - 1;
  });
}
