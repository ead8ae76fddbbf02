import { assign } from '../combination.js';
import { boolean, type ConfigOf, integer, oneOf, readConfig, requireConfig } from '../config.js';
import { limitData, thresholdFields } from '../data-limits.js';
import { dpmOrder, dpmStep } from '../dpm-solver.js';
import { edmPreconditioning } from '../edm-preconditioning.js';
import { edmFields, edmSigmas } from '../edm-sigmas.js';
import { mustBe } from '../error.js';
import { type NoiseLevel, outputRegister } from '../multistep.js';
import { beginOf, checkFinite, checkOptions, range, stepCount } from '../options.js';
import type { Assignment, ScheduleOptions, Scheduler, Step } from '../schedule.js';

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
  const sign = config.prediction_type === 'v_prediction' ? -1 : 1;
  const steps = range(begin, count).map((i): Step => {
    const { input, timestep, data } = edmPreconditioning(sigmas[i], config.sigma_data, sign);
    const output = outputRegister(i, config.solver_order);
    return {
      timestep,
      sigma: sigmas[i],
      before: [],
      input,
      after: [
        assign(output, data),
        ...limitData(config, output),
        ...advance(config, levels, i, begin),
      ],
      addNoise: { sample: 1, noise: sigmas[i] },
    };
  });
  return checkFinite({
    scheduler: name,
    initialNoiseScale: Math.sqrt(config.sigma_max ** 2 + 1),
    timesteps: course.map((sigma) => edmPreconditioning(sigma, config.sigma_data).timestep),
    sigmas,
    begin,
    predictsVariance: false,
    steps,
  });
}

function advance(
  config: Config,
  levels: readonly NoiseLevel[],
  index: number,
  begin: number,
): Assignment[] {
  const order = dpmOrder(config, index, begin, levels.length - 1);
  const used = range(0, order).map((back) => index - back);
  const algorithm = config.algorithm_type === 'deis' ? 'dpmsolver++' : config.algorithm_type;
  if (order === 3 && algorithm !== 'dpmsolver++') {
    const expected = '1 or 2 (the original has no third order for it)';
    throw mustBe(name, `solver_order with ${algorithm}`, expected, 3, 'UNSUPPORTED');
  }
  const next = dpmStep(name, {
    algorithm,
    solverType: config.solver_type === 'heun' ? 'heun' : 'midpoint',
    order,
    levels: [levels[index + 1], ...used.map((i) => levels[i])],
    outputs: used.map((i) => outputRegister(i, config.solver_order)),
  });
  const draw: Assignment = { kind: 'draw', set: 'noise', index: index - begin };
  return [...(next.noise ? [draw] : []), assign('sample', next)];
}
