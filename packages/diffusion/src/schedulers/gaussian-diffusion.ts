import { assign, sumOf } from '../combination.js';
import { boolean, type ConfigOf, integer, oneOf, readConfig, text } from '../config.js';
import { denoised, limitData } from '../data-limits.js';
import { mustBe } from '../error.js';
import { type GaussianTables, gaussianTables } from '../gaussian-tables.js';
import { makeSchedule, type StepDraft } from '../make-schedule.js';
import { beginOf, checkOptions } from '../options.js';
import type { Assignment, Combination, ScheduleOptions, Scheduler } from '../schedule.js';
import { range } from '../spacing.js';

const name = 'GaussianDiffusion';

const fields = {
  timestep_respacing: text(''),
  noise_schedule: oneOf('linear', 'squaredcos_cap_v2'),
  diffusion_steps: integer(1000, 1, 1_000_000),
  learn_sigma: boolean(true),
  sigma_small: boolean(false),
  predict_xstart: boolean(false),
  /** `ddpm` is the original's p_sample_loop, `ddim` its ddim_sample_loop. */
  sampler: oneOf('ddpm', 'ddim'),
  clip_denoised: boolean(true),
};

type Config = ConfigOf<typeof fields>;

/**
 * The original DiT's sampler over respaced timesteps. The number of steps is `timestep_respacing`, or else the schedule's
 * `steps`. Tables are in double and each entry is rounded to float32 where it is used, as in the original. DiT's released
 * sampler sets clip_denoised false. `sigma` is the weight of the noise, √(1 - alphasCumprod).
 *
 * Source: facebookresearch/DiT@ed81ce2 diffusion/gaussian_diffusion.py; Nichol and Dhariwal 2021.
 */
export function gaussianDiffusion(json: Readonly<Record<string, unknown>> = {}): Scheduler {
  const config = readConfig(name, fields, json);
  return { name, schedule: (options) => schedule(config, options) };
}

function schedule(config: Config, options: ScheduleOptions) {
  checkOptions(name, options, 'eta');
  const { eta = 0 } = options;
  const isDdim = config.sampler === 'ddim';
  if (!(eta >= 0 && Number.isFinite(eta)) || (eta !== 0 && !isDdim)) {
    throw mustBe(name, 'eta', 'a number from 0, and 0 unless the sampler is ddim', eta);
  }
  const tables = gaussianTables({
    respacing: respacingOf(config, options),
    noiseSchedule: config.noise_schedule,
    diffusionSteps: config.diffusion_steps,
  });
  const count = tables.betas.length;
  const needsVariance = config.learn_sigma || config.sigma_small || !isDdim;
  if (needsVariance && count < 2) throw mustBe(name, 'number of timesteps', '2 or more', count);
  const begin = beginOf(name, options, count);
  const steps = range(begin, count).map((i): StepDraft => {
    const entry = count - 1 - i;
    const alpha = Math.fround(Math.sqrt(tables.alphasCumprod[entry]));
    const sigma = Math.fround(Math.sqrt(1 - tables.alphasCumprod[entry]));
    const draw = i - begin;
    return {
      timestep: tables.timestepMap[entry],
      sigma,
      after: [
        ...predictedData(config, tables, entry),
        ...(isDdim ? remix(tables, entry, eta, draw) : posterior(config, tables, entry, draw)),
      ],
      addNoise: { sample: alpha, noise: sigma },
    };
  });
  return makeSchedule({
    scheduler: name,
    timesteps: tables.timestepMap.toReversed(),
    sigmas: [
      ...tables.alphasCumprod.map((share) => Math.fround(Math.sqrt(1 - share))).reverse(),
      0,
    ],
    begin,
    predictsVariance: config.learn_sigma,
    steps,
  });
}

function respacingOf({ timestep_respacing }: Config, { steps }: ScheduleOptions): string {
  if (steps === undefined) return timestep_respacing;
  if (timestep_respacing !== '') {
    throw mustBe(name, 'steps', `absent with timestep_respacing ${timestep_respacing}`, steps);
  }
  return String(steps);
}

/** √(1 / alphasCumprod) and √(1 / alphasCumprod - 1): data = first · sample - second · epsilon. */
function reciprocals({ alphasCumprod }: GaussianTables, entry: number) {
  const share = alphasCumprod[entry];
  return [Math.fround(Math.sqrt(1 / share)), Math.fround(Math.sqrt(1 / share - 1))] as const;
}

function predictedData(config: Config, tables: GaussianTables, entry: number): Assignment[] {
  const [sample, epsilon] = reciprocals(tables, entry);
  const data: Combination = config.predict_xstart
    ? { prediction: 1 }
    : { sample, prediction: -epsilon };
  return [assign(denoised, data), ...limitData({ clip_sample: config.clip_denoised })];
}

/** p_sample: the posterior mean, and noise except at the last timestep. */
function posterior(
  config: Config,
  tables: GaussianTables,
  entry: number,
  draw: number,
): Assignment[] {
  const mean = {
    [denoised]: Math.fround(tables.posteriorMeanCoef1[entry]),
    sample: Math.fround(tables.posteriorMeanCoef2[entry]),
  };
  if (entry === 0) return [assign('sample', mean)];
  const noise: Assignment = { kind: 'draw', set: 'noise', index: draw };
  const logMin = Math.fround(tables.posteriorLogVarianceClipped[entry]);
  const logMax = Math.fround(Math.log(tables.betas[entry]));
  if (config.learn_sigma) {
    return [
      noise,
      { kind: 'learned-range', set: 'noise', of: 'noise', logMin, logMax },
      assign('sample', { ...mean, noise: 1 }),
    ];
  }
  const deviation = Math.fround(Math.exp(0.5 * (config.sigma_small ? logMin : logMax)));
  return [noise, assign('sample', { ...mean, noise: deviation })];
}

/** ddim_sample: the data, and the noise it means, mixed for the next entry; its coefficients are float32 throughout. */
function remix(tables: GaussianTables, entry: number, eta: number, draw: number): Assignment[] {
  const round = Math.fround;
  const now = round(tables.alphasCumprod[entry]);
  const next = round(entry > 0 ? tables.alphasCumprod[entry - 1] : 1);
  const variance = round(round(1 - next) / round(1 - now));
  const fresh = round(Math.sqrt(round(1 - round(now / next))));
  const deviation = round(round(eta * round(Math.sqrt(variance))) * fresh);
  const direction = round(Math.sqrt(round(round(1 - next) - round(deviation ** 2))));
  const [sample, epsilon] = reciprocals(tables, entry);
  const mean = sumOf(
    [round(Math.sqrt(next)), { [denoised]: 1 }],
    [direction / epsilon, { sample, [denoised]: -1 }],
  );
  if (deviation === 0) return [assign('sample', mean)];
  return [
    { kind: 'draw', set: 'noise', index: draw },
    assign('sample', { ...mean, noise: deviation }),
  ];
}
