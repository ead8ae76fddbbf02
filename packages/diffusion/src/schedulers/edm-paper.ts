import { addedNoise, checkChurn } from '../churn.js';
import { assign, sumOf } from '../combination.js';
import {
  type ConfigOf,
  integer,
  nullable,
  number,
  oneOf,
  readConfig,
  requireConfig,
} from '../config.js';
import { type EdmCourse, edmCourse } from '../edm-course.js';
import { edmPreconditioning } from '../edm-preconditioning.js';
import { makeSchedule, type StepDraft } from '../make-schedule.js';
import { checkOptions, stepCount } from '../options.js';
import type { Assignment, Combination, ScheduleOptions, Scheduler } from '../schedule.js';
import { range } from '../spacing.js';

const name = 'EDMPaperSampler';

const fields = {
  solver: oneOf('heun', 'euler'),
  discretization: oneOf('edm', 'vp', 've', 'iddpm'),
  schedule: oneOf('linear', 'vp', 've'),
  scaling: oneOf('none', 'vp'),
  sigma_min: nullable(number(0, Number.MIN_VALUE)),
  sigma_max: nullable(number(0, Number.MIN_VALUE)),
  rho: number(7, Number.MIN_VALUE),
  epsilon_s: number(1e-3, Number.MIN_VALUE, 1),
  C_1: number(0.001, 0),
  C_2: number(0.008, 0),
  M: integer(1000, 1),
  /** Where the second slope of a step is taken: 1 is Heun's method, 1/2 the midpoint method. */
  alpha: number(1, Number.MIN_VALUE, 1),
  /** Standard deviation of the data: the model is a network with EDM preconditioning. Null: it answers the data itself. */
  sigma_data: nullable(number(0, Number.MIN_VALUE)),
};

type Config = ConfigOf<typeof fields>;

/**
 * The samplers of Karras et al. 2022: algorithm 2 (all defaults) and the ablations with the schedules and scalings of
 * earlier work. Noise is added before the model is asked. The model is given the sample without its scaling and told
 * sigma, and answers the data; with `sigma_data` it is a bare network: given c_in · x and told ln(sigma) / 4.
 * A step is two calls by `heun`, except the last.
 *
 * Source: NVlabs/edm@008a4e5 generate.py, edm_sampler and ablation_sampler.
 */
export function edmPaper(json: Readonly<Record<string, unknown>> = {}): Scheduler {
  const config = readConfig(name, fields, json);
  return { name, schedule: (options) => schedule(config, options) };
}

function schedule(config: Config, options: ScheduleOptions) {
  checkOptions(name, options, 'churn');
  checkChurn(name, options.churn);
  requireConfig(name, !options.begin, 'begin', '0', options.begin);
  const count = stepCount(name, options);
  requireConfig(name, count > 1, 'steps', '2 or more', count);
  const course = edmCourse(config, count);
  const steps = range(0, count).flatMap((i) => stepsOf(config, course, options, i, count));
  const { sigma, scale, times } = course;
  return makeSchedule({
    scheduler: name,
    initialNoiseScale: sigma(times[0]) * scale(times[0]),
    timesteps: steps.map((step) => step.timestep),
    sigmas: [...steps.map((step) => step.sigma), 0],
    begin: 0,
    steps,
  });
}

/** The calls of step `i`: one by Euler's method, a second one by Heun's. */
function stepsOf(
  config: Config,
  course: EdmCourse,
  options: ScheduleOptions,
  i: number,
  count: number,
): StepDraft[] {
  const { sigma, scale, times } = course;
  const [now, next] = [times[i], times[i + 1]];
  const { sigmaHat, noise } = addedNoise(options.churn, sigma(now), count);
  const hat = noise === 0 ? now : course.timeOf(sigmaHat);
  const before: Assignment[] =
    noise === 0
      ? []
      : [
          { kind: 'draw', set: 'noise', index: i },
          assign('sample', { sample: scale(hat) / scale(now), noise: noise * scale(hat) }),
        ];
  const h = next - hat;
  const first = call(config, course, hat);
  if (config.solver === 'euler' || i === count - 1) {
    const after = [assign('sample', sumOf([1, { sample: 1 }], [h, first.slope]))];
    return [{ ...first.step, before, after }];
  }
  const { alpha } = config;
  const second = call(config, course, hat + alpha * h);
  const weight = 1 / (2 * alpha);
  return [
    {
      ...first.step,
      before,
      after: [
        assign('slope', first.slope),
        assign('base', { sample: 1 }),
        assign('sample', { base: 1, slope: alpha * h }),
      ],
    },
    {
      ...second.step,
      after: [
        assign(
          'sample',
          sumOf([1, { base: 1 }], [h * (1 - weight), { slope: 1 }], [h * weight, second.slope]),
        ),
      ],
    },
  ];
}

/** A call of the model at a time, and dx/dt there as its answer says (equation 4). */
function call(config: Config, course: EdmCourse, time: number) {
  const sigma = course.sigma(time);
  const scale = course.scale(time);
  const { input, timestep, data } =
    config.sigma_data === null
      ? { input: { sample: 1 }, timestep: sigma, data: { prediction: 1 } as Combination }
      : edmPreconditioning(sigma, config.sigma_data);
  const growth = course.sigmaDerivative(time) / sigma;
  const slope = sumOf(
    [growth + course.scaleDerivative(time) / scale, { sample: 1 }],
    [-growth * scale, data.sample ? unscaled(data, scale) : data],
  );
  return {
    step: {
      timestep,
      sigma,
      input: unscaled(input, scale),
      addNoise: { sample: scale, noise: scale * sigma },
    },
    slope,
  };
}

/** A combination of x / scale, in terms of x. */
function unscaled(combination: Combination, scale: number): Combination {
  return { ...combination, sample: combination.sample / scale };
}
