import { assign, sumOf } from './combination.js';
import { mustBe } from './error.js';
import { type NoiseLevel, outputRegister } from './multistep.js';
import type { Assignment, Combination, Register } from './schedule.js';
import { range } from './spacing.js';

/** Integrates the predicted data (++) or noise, as an ordinary (plain) or stochastic (sde) differential equation. */
type DpmAlgorithm = 'dpmsolver++' | 'dpmsolver' | 'sde-dpmsolver++' | 'sde-dpmsolver';

/** How order 2 weighs the slope. */
type DpmSolverType = 'midpoint' | 'heun';

/** One step of the solver. */
interface DpmStep {
  readonly algorithm: DpmAlgorithm;
  readonly solverType: DpmSolverType;
  /** 1 to 3: how many outputs are used. */
  readonly order: number;
  /** Where the step goes to, where it begins, and the beginnings of the steps before, latest first. */
  readonly levels: readonly NoiseLevel[];
  /** The registers of the outputs at those beginnings, latest first. */
  readonly outputs: readonly Register[];
}

/**
 * The next sample: an exponential integrator whose output is extrapolated by differences D1, D2 of the last outputs.
 *
 * Source: Lu et al. 2022, DPM-Solver++, section 4 and appendix B, in the variants of diffusers.
 */
function dpmStep(name: string, step: DpmStep): Combination {
  const { algorithm, order } = step;
  const [end, start] = step.levels;
  const h = end.lambda - start.lambda;
  const weights = {
    'dpmsolver++': dataWeights,
    dpmsolver: noiseWeights,
    'sde-dpmsolver++': stochasticDataWeights,
    'sde-dpmsolver': stochasticNoiseWeights,
  }[algorithm](start, end, h);
  if (order === 3 && weights.curvature === undefined) throw withoutThirdOrder(name, algorithm);
  const parts: (readonly [number, Combination])[] = [
    [weights.sample, { sample: 1 }],
    [weights.output, { [step.outputs[0]]: 1 }],
  ];
  if (order > 1) {
    const { slope, curvature } = differences(step, h);
    const isMidpoint = order === 2 && step.solverType === 'midpoint';
    parts.push([isMidpoint ? weights.midpoint : weights.slope, slope]);
    if (curvature) parts.push([weights.curvature ?? 0, curvature]);
  }
  if (weights.noise !== undefined) parts.push([weights.noise, { noise: 1 }]);
  return sumOf(...parts);
}

/** The error for a third order that the original has not. */
export function withoutThirdOrder(name: string, algorithm: DpmAlgorithm) {
  const expected = '1 or 2 (the original has no third order for it)';
  return mustBe(name, `solver_order with ${algorithm}`, expected, 3, 'UNSUPPORTED');
}

interface Weights {
  readonly sample: number;
  readonly output: number;
  /** Of the first difference, at order 2 by midpoint. */
  readonly midpoint: number;
  /** Of the first difference otherwise. */
  readonly slope: number;
  /** Of the second difference. */
  readonly curvature?: number;
  readonly noise?: number;
}

function dataWeights(start: NoiseLevel, end: NoiseLevel, h: number): Weights {
  const e = Math.expm1(-h);
  return {
    sample: end.sigma / start.sigma,
    output: -end.alpha * e,
    midpoint: -0.5 * end.alpha * e,
    slope: end.alpha * (e / h + 1),
    curvature: -end.alpha * ((e + h) / h ** 2 - 0.5),
  };
}

function noiseWeights(start: NoiseLevel, end: NoiseLevel, h: number): Weights {
  const e = Math.expm1(h);
  return {
    sample: end.alpha / start.alpha,
    output: -end.sigma * e,
    midpoint: -0.5 * end.sigma * e,
    slope: -end.sigma * (e / h - 1),
    curvature: -end.sigma * ((e - h) / h ** 2 - 0.5),
  };
}

function stochasticDataWeights(start: NoiseLevel, end: NoiseLevel, h: number): Weights {
  const e = -Math.expm1(-2 * h);
  return {
    sample: (end.sigma / start.sigma) * Math.exp(-h),
    output: end.alpha * e,
    midpoint: 0.5 * end.alpha * e,
    slope: end.alpha * (e / (-2 * h) + 1),
    curvature: end.alpha * ((e - 2 * h) / (2 * h) ** 2 - 0.5),
    noise: end.sigma * Math.sqrt(e),
  };
}

function stochasticNoiseWeights(start: NoiseLevel, end: NoiseLevel, h: number): Weights {
  const e = Math.expm1(h);
  return {
    sample: end.alpha / start.alpha,
    output: -2 * end.sigma * e,
    midpoint: -end.sigma * e,
    slope: -2 * end.sigma * (e / h - 1),
    noise: end.sigma * Math.sqrt(Math.expm1(2 * h)),
  };
}

/** Differences of the last outputs, divided by their distances in units of this step. */
function differences({ levels, outputs, order }: DpmStep, h: number) {
  const [, start, before, beforeThat] = levels;
  const r0 = (start.lambda - before.lambda) / h;
  const d0 = sumOf([1 / r0, { [outputs[0]]: 1 }], [-1 / r0, { [outputs[1]]: 1 }]);
  if (order === 2) return { slope: d0, curvature: undefined };
  const r1 = (before.lambda - beforeThat.lambda) / h;
  const d1 = sumOf([1 / r1, { [outputs[1]]: 1 }], [-1 / r1, { [outputs[2]]: 1 }]);
  const curvature = sumOf([1 / (r0 + r1), d0], [-1 / (r0 + r1), d1]);
  return { slope: sumOf([1, d0], [r0, curvature]), curvature };
}

interface OrderConfig {
  readonly solver_order: number;
  readonly lower_order_final: boolean;
  readonly euler_at_final: boolean;
  readonly final_sigmas_type: 'zero' | 'sigma_min';
}

/** The order of step `index`: rising from `begin`, and lower at the end where few steps or sigma 0 make it unstable. */
export function dpmOrder(config: OrderConfig, index: number, begin: number, count: number): number {
  const lowers = config.lower_order_final && count < 15;
  const known = index - begin + 1;
  const endsLow = config.euler_at_final || lowers || config.final_sigmas_type === 'zero';
  if (index === count - 1 && endsLow) return 1;
  if (index === count - 2 && lowers) return Math.min(config.solver_order, known, 2);
  return Math.min(config.solver_order, known);
}

interface DpmConfig extends OrderConfig {
  readonly algorithm_type: DpmAlgorithm | 'deis';
  readonly solver_type: DpmSolverType | 'logrho' | 'bh1' | 'bh2';
}

/** deis means dpmsolver++: a name of another solver, in configs that were converted. */
export function dpmAlgorithm({ algorithm_type }: Pick<DpmConfig, 'algorithm_type'>): DpmAlgorithm {
  return algorithm_type === 'deis' ? 'dpmsolver++' : algorithm_type;
}

/** From `levels[index]` to the next level by the outputs kept so far, with fresh noise where the algorithm draws any. */
export function dpmUpdate(
  name: string,
  config: DpmConfig,
  levels: readonly NoiseLevel[],
  index: number,
  begin: number,
): Assignment[] {
  const order = dpmOrder(config, index, begin, levels.length - 1);
  const used = range(0, order).map((back) => index - back);
  const next = dpmStep(name, {
    algorithm: dpmAlgorithm(config),
    // logrho, bh1 and bh2 mean midpoint, as deis means dpmsolver++.
    solverType: config.solver_type === 'heun' ? 'heun' : 'midpoint',
    order,
    levels: [levels[index + 1], ...used.map((i) => levels[i])],
    outputs: used.map((i) => outputRegister(i, config.solver_order)),
  });
  const draw: Assignment = { kind: 'draw', set: 'noise', index: index - begin };
  return [...(next.noise ? [draw] : []), assign('sample', next)];
}
