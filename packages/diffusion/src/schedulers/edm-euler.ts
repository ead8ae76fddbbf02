import { addedNoise, addNoise, checkChurn } from '../churn.js';
import { assign } from '../combination.js';
import { type ConfigOf, readConfig } from '../config.js';
import { edmPreconditioning } from '../edm-preconditioning.js';
import { edmFields, edmSigmas } from '../edm-sigmas.js';
import { eulerStep } from '../euler.js';
import { makeSchedule, type StepDraft } from '../make-schedule.js';
import { beginOf, checkOptions, stepCount } from '../options.js';
import type { ScheduleOptions, Scheduler } from '../schedule.js';
import { range } from '../spacing.js';

const name = 'EDMEulerScheduler';

type Config = ConfigOf<typeof edmFields>;

/**
 * Euler's method along sigma for a network with EDM preconditioning, where x = data + sigma · noise; with churn, noise is
 * added after the model was asked. `timestep` is ln(sigma) / 4. Explicit sigmas are refused: the original takes them for
 * positions on its own course.
 *
 * Source: diffusers 0.42.1 scheduling_edm_euler.py; Karras et al. 2022.
 */
export function edmEuler(json: Readonly<Record<string, unknown>> = {}): Scheduler {
  const config = readConfig(name, edmFields, json);
  return { name, schedule: (options) => schedule(config, options) };
}

function schedule(config: Config, options: ScheduleOptions) {
  checkOptions(name, options, 'churn');
  checkChurn(name, options.churn);
  const course = edmSigmas(config, stepCount(name, options));
  const count = course.length;
  const last = config.final_sigmas_type === 'zero' ? 0 : course[count - 1];
  const sigmas = [...course, last];
  const begin = beginOf(name, options, count);
  const sign = config.prediction_type === 'v_prediction' ? -1 : 1;
  let draws = 0;
  const steps = range(begin, count).map((i): StepDraft => {
    const sigma = sigmas[i];
    const { sigmaHat, noise } = addedNoise(options.churn, sigma, count);
    const { data } = edmPreconditioning(sigmaHat, config.sigma_data, sign);
    const { input, timestep } = edmPreconditioning(sigma, config.sigma_data);
    return {
      timestep,
      sigma,
      input,
      after: [
        ...(noise === 0 ? [] : addNoise(noise, draws++)),
        assign('sample', eulerStep(sigmaHat, sigmas[i + 1], data)),
      ],
      addNoise: { sample: 1, noise: sigma },
    };
  });
  return makeSchedule({
    scheduler: name,
    initialNoiseScale: Math.sqrt(config.sigma_max ** 2 + 1),
    timesteps: course.map((sigma) => edmPreconditioning(sigma, config.sigma_data).timestep),
    sigmas,
    begin,
    steps,
  });
}
