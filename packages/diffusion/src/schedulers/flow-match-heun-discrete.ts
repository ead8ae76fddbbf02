import { addedNoise, checkChurn } from '../churn.js';
import { assign } from '../combination.js';
import { type ConfigOf, integer, number, readConfig } from '../config.js';
import { doubled, heunCalls } from '../heun.js';
import { makeSchedule, type StepDraft } from '../make-schedule.js';
import { beginOf, checkOptions, roundingOf, stepCount } from '../options.js';
import type { Assignment, ScheduleOptions, Scheduler } from '../schedule.js';
import { shiftSigma } from '../sigmas.js';
import { linspace } from '../spacing.js';

const name = 'FlowMatchHeunDiscreteScheduler';

const fields = {
  num_train_timesteps: integer(1000, 1),
  shift: number(1, 0),
};

type Config = ConfigOf<typeof fields>;

/**
 * Heun's method on the straight path from noise to data: 2N - 1 calls for N steps, the last one Euler's. `sigma` is the
 * weight of the noise, `timestep` is sigma · num_train_timesteps.
 *
 * Source: diffusers 0.42.1 scheduling_flow_match_heun_discrete.py.
 */
export function flowMatchHeunDiscrete(json: Readonly<Record<string, unknown>> = {}): Scheduler {
  const config = readConfig(name, fields, json);
  return { name, schedule: (options) => schedule(config, options) };
}

function schedule(config: Config, options: ScheduleOptions) {
  checkOptions(name, options, 'churn', 'precision');
  checkChurn(name, options.churn);
  const round = roundingOf(name, options);
  const course = sigmasOf(config, stepCount(name, options)).map(round);
  const timesteps = doubled(course.map((sigma) => round(sigma * config.num_train_timesteps)));
  const sigmas = [...doubled(course), 0];
  const begin = beginOf(name, options, timesteps.length);
  let draws = 0;
  const steps = heunCalls(sigmas, begin).map(({ index, isFirst, sigma, next }): StepDraft => {
    const { sigmaHat, noise } = addedNoise(options.churn, sigma, sigmas.length - 1);
    const change = next - sigmaHat;
    const update: Assignment[] = isFirst
      ? [
          assign('base', { sample: 1, noise }),
          assign('slope', { prediction: sigma / sigmaHat }),
          assign('sample', { base: 1, slope: change }),
        ]
      : [assign('sample', { base: 1, slope: change / 2, prediction: change / 2 })];
    // The original draws at a second call too, and what it adds there cancels out.
    const draw: Assignment = { kind: 'draw', set: 'noise', index: draws };
    if (noise !== 0) draws++;
    return {
      timestep: timesteps[index],
      sigma: sigmas[index],
      after: [...(noise !== 0 && isFirst ? [draw] : []), ...update],
      addNoise: { sample: 1 - sigmas[index], noise: sigmas[index] },
    };
  });
  return makeSchedule({
    scheduler: name,
    timesteps,
    sigmas,
    begin,
    steps,
  });
}

/** Falling from 1 to the shifted lowest; all are shifted, the lowest for the second time, as in the original. */
function sigmasOf({ shift, num_train_timesteps: train }: Config, count: number): number[] {
  return linspace(train, shiftSigma(1 / train, shift) * train, count).map((timestep) =>
    shiftSigma(timestep / train, shift),
  );
}
