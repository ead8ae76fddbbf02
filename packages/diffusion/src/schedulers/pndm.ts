import { assign, sumOf } from '../combination.js';
import { boolean, type ConfigOf, integer, oneOf, readConfig } from '../config.js';
import { mustBe } from '../error.js';
import { makeSchedule, type StepDraft } from '../make-schedule.js';
import { outputRegister } from '../multistep.js';
import { type NoiseTable, noiseTable, tableFields } from '../noise-table.js';
import { checkOptions } from '../options.js';
import { mixtureOf, predictedNoise } from '../prediction.js';
import type { Assignment, Combination, ScheduleOptions, Scheduler } from '../schedule.js';
import { range } from '../spacing.js';
import { stridedCourse } from '../strided-course.js';

const name = 'PNDMScheduler';

const fields = {
  ...tableFields,
  skip_prk_steps: boolean(false),
  set_alpha_to_one: boolean(false),
  prediction_type: oneOf('epsilon', 'v_prediction'),
  timestep_spacing: oneOf('leading', 'linspace', 'trailing'),
  steps_offset: integer(0, 0),
};

type Config = ConfigOf<typeof fields>;

/** Adams-Bashforth weights of the last outputs, latest first, by how many there are. */
const adamsBashforth = [
  [1],
  [3 / 2, -1 / 2],
  [23 / 12, -16 / 12, 5 / 12],
  [55 / 24, -59 / 24, 37 / 24, -9 / 24],
];

/**
 * PNDM by its linear multistep method alone, as Stable Diffusion uses it (skip_prk_steps): N + 1 calls for N steps, the
 * first step done twice (1 call for 1 step). `sigma` is the weight of the noise, √(1 - alphas_cumprod).
 *
 * Source: diffusers 0.42.1 scheduling_pndm.py; Liu et al. 2022, equations 9 to 12.
 */
export function pndm(json: Readonly<Record<string, unknown>> = {}): Scheduler {
  const config = readConfig(name, fields, json);
  if (!config.skip_prk_steps) {
    const expected = 'true (the Runge-Kutta start is not supported)';
    throw mustBe(name, 'skip_prk_steps', expected, false, 'UNSUPPORTED');
  }
  const table = noiseTable(name, config);
  return { name, schedule: (options) => schedule(config, table, options) };
}

function schedule(config: Config, { alphasCumprod }: NoiseTable, options: ScheduleOptions) {
  checkOptions(name, options);
  if (options.begin) throw mustBe(name, 'begin', '0', options.begin, 'UNSUPPORTED');
  const course = stridedCourse(name, config, alphasCumprod, options);
  const { stride, alphaAt, last } = course;
  // The second timestep is visited twice: first to correct the first step.
  const timesteps = course.timesteps.flatMap((t, i) => (i === 1 ? [t, t] : [t]));
  const steps = range(0, timesteps.length).map((i): StepDraft => {
    const corrects = i === 1;
    const from = corrects ? timesteps[i] + stride : timesteps[i];
    const mixture = mixtureOf(alphasCumprod[timesteps[i]]);
    return {
      timestep: timesteps[i],
      sigma: mixture.sigma,
      after: corrects
        ? correct(config, alphaAt(from), alphaAt(from - stride))
        : advance(config, alphaAt(from), alphaAt(from - stride), i),
      addNoise: { sample: mixture.alpha, noise: mixture.sigma },
    };
  });
  return makeSchedule({
    scheduler: name,
    timesteps,
    sigmas: [...timesteps.map((t) => mixtureOf(alphasCumprod[t]).sigma), mixtureOf(last).sigma],
    steps,
  });
}

/** The first step once more, by the mean of the outputs at both its ends. */
function correct(config: Config, now: number, next: number): Assignment[] {
  const mean = { prediction: 1 / 2, [outputRegister(0, 4)]: 1 / 2 };
  return [assign('sample', transfer(config, now, next, mean, 'start'))];
}

function advance(config: Config, now: number, next: number, call: number): Assignment[] {
  // Call 1 keeps no output, so call 2 has the second.
  const latest = call === 0 ? 0 : call - 1;
  const weights = adamsBashforth[Math.min(latest, 3)];
  const outputs = Object.fromEntries(
    weights.map((weight, back) => [outputRegister(latest - back, 4), weight]),
  );
  return [
    assign(outputRegister(latest, 4), { prediction: 1 }),
    ...(call === 0 ? [assign('start', { sample: 1 })] : []),
    assign('sample', transfer(config, now, next, outputs, 'sample')),
  ];
}

/** Equation 9: from `now` to `next` along a mean of outputs, which are noise or, at `now`, mean it. */
function transfer(
  config: Config,
  now: number,
  next: number,
  outputs: Combination,
  from: string,
): Combination {
  const weight = -(next - now) / (now * Math.sqrt(1 - next) + Math.sqrt(now * (1 - now) * next));
  const meant = predictedNoise(config.prediction_type, mixtureOf(now));
  const noise = sumOf([meant.prediction, outputs], [meant.sample ?? 0, { [from]: 1 }]);
  return sumOf([Math.sqrt(next / now), { [from]: 1 }], [weight, noise]);
}
