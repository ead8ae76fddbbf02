import { assign } from '../combination.js';
import { boolean, type ConfigOf, integer, oneOf, readConfig, requireConfig } from '../config.js';
import { limitData, thresholdFields } from '../data-limits.js';
import { dpmAlgorithm, dpmOrder, dpmUpdate, withoutThirdOrder } from '../dpm-solver.js';
import { edmPreconditioning } from '../edm-preconditioning.js';
import { edmFields, edmSigmas } from '../edm-sigmas.js';
import { makeSchedule, type StepDraft } from '../make-schedule.js';
import { type NoiseLevel, outputRegister } from '../multistep.js';
import { beginOf, checkOptions, stepCount } from '../options.js';
import type { ScheduleOptions, Scheduler } from '../schedule.js';
import { range } from '../spacing.js';

const name = 'EDMDPMSolverMultistepScheduler';

const fields = {
  ...edmFields,
  solver_order: integer(2, 1, 3),
  ...thresholdFields,
  algorithm_type: oneOf('dpmsolver++', 'sde-dpmsolver++', 'deis'),
  solver_type: oneOf('midpoint', 'heun', 'logrho', 'bh1', 'bh2'),
  lower_order_final: boolean(true),
  euler_at_final: boolean(false),
};

type Config = ConfigOf<typeof fields>;

/**
 * DPM-Solver++ for a network with EDM preconditioning, where x = data + sigma · noise. `timestep` is ln(sigma) / 4.
 *
 * Source: diffusers 0.42.1 scheduling_edm_dpmsolver_multistep.py; Lu et al. 2022.
 */
export function edmDpmSolverMultistep(json: Readonly<Record<string, unknown>> = {}): Scheduler {
  const config = readConfig(name, fields, json);
  const { algorithm_type, final_sigmas_type } = config;
  requireConfig(
    name,
    algorithm_type !== 'deis' || final_sigmas_type !== 'zero',
    'final_sigmas_type',
    'sigma_min with algorithm_type deis',
    final_sigmas_type,
  );
  return { name, schedule: (options) => schedule(config, options) };
}

function schedule(config: Config, options: ScheduleOptions) {
  checkOptions(name, options);
  const course = edmSigmas(config, stepCount(name, options));
  const count = course.length;
  const sigmas = [...course, config.final_sigmas_type === 'zero' ? 0 : config.sigma_min];
  const begin = beginOf(name, options, count);
  const levels = sigmas.map((sigma): NoiseLevel => ({ alpha: 1, sigma, lambda: -Math.log(sigma) }));
  const algorithm = dpmAlgorithm(config);
  const orders = range(begin, count).map((i) => dpmOrder(config, i, begin, count));
  if (algorithm !== 'dpmsolver++' && orders.includes(3)) throw withoutThirdOrder(name, algorithm);
  const sign = config.prediction_type === 'v_prediction' ? -1 : 1;
  const steps = range(begin, count).map((i): StepDraft => {
    const { input, timestep, data } = edmPreconditioning(sigmas[i], config.sigma_data, sign);
    const output = outputRegister(i, config.solver_order);
    return {
      timestep,
      sigma: sigmas[i],
      input,
      after: [
        assign(output, data),
        ...limitData(config, output),
        ...dpmUpdate(name, config, levels, i, begin),
      ],
      addNoise: { sample: 1, noise: sigmas[i] },
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
