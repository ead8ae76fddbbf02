import {
  denoise,
  edmPaper,
  muForTokens,
  type ScheduleOptions,
  type Scheduler,
  schedulerFromConfig,
} from '@tubelet/diffusion';
import { doubleArithmetic } from '@tubelet/testing';
import { describe, expect, it } from 'vitest';

type Model = (x: number, timestep: number) => number;

const start = [1.3, -0.4, 0.02];
const arithmetic = doubleArithmetic({}, (index) =>
  Float64Array.from(start, (_, i) => Math.sin(7 * index + i)),
);

/** Denoises `start`, scaled as the schedule wants it, with a model of single numbers. */
async function sampleWith(scheduler: Scheduler, options: ScheduleOptions, model: Model) {
  const schedule = scheduler.schedule(options);
  const sample = Float64Array.from(start, (value) => value * schedule.initialNoiseScale);
  return denoise({
    schedule,
    arithmetic,
    registers: new Map([['sample', sample]]),
    predict: async ({ input, timestep }) => [{ prediction: input.map((x) => model(x, timestep)) }],
  });
}

const largest = (values: ArrayLike<number>) => Math.max(...Array.from(values, Math.abs));
const distance = (a: Float64Array, b: ArrayLike<number>) =>
  largest(a.map((value, i) => value - b[i]));

const named = (_class_name: string, config: Record<string, unknown> = {}) =>
  schedulerFromConfig({ _class_name, ...config });

describe('samplers that must agree', () => {
  const wave: Model = (x, t) => 0.8 * x + 0.2 * Math.sin(x + t / 100);
  const betas = { beta_schedule: 'scaled_linear', beta_start: 0.00085, beta_end: 0.012 };
  const steps = 10;

  it('first-order DPM-Solver++ is DDIM without noise', async () => {
    const spacing = { ...betas, timestep_spacing: 'trailing' };
    const ddim = named('DDIMScheduler', { ...spacing, clip_sample: false });
    const solver = named('DPMSolverMultistepScheduler', { ...spacing, solver_order: 1 });
    const expected = await sampleWith(ddim, { steps }, wave);
    expect(distance(await sampleWith(solver, { steps }, wave), expected)).toBeLessThan(1e-12);
  });

  it('UniPC of first order without corrector is first-order DPM-Solver++', async () => {
    const disable_corrector = Array.from({ length: steps }, (_, i) => i);
    const unipc = named('UniPCMultistepScheduler', {
      ...betas,
      solver_order: 1,
      disable_corrector,
    });
    const solver = named('DPMSolverMultistepScheduler', { ...betas, solver_order: 1 });
    const expected = await sampleWith(solver, { steps }, wave);
    expect(distance(await sampleWith(unipc, { steps }, wave), expected)).toBeLessThan(1e-12);
  });

  it('the ablation sampler by Euler is what one computes by hand', async () => {
    const sampler = edmPaper({ solver: 'euler', sigma_min: 0.1, sigma_max: 10, rho: 1 });
    const model: Model = (x, sigma) => x / (1 + sigma ** 2);
    const result = await sampleWith(sampler, { steps: 2 }, model);
    // sigma 10 → 0.1 → 0 by hand: x ← x + (next - sigma) · (x - model) / sigma.
    const byHand = start.map((value) => {
      const first = 10 * value;
      const second = first - (9.9 * (first - model(first, 10))) / 10;
      return model(second, 0.1);
    });
    expect(distance(result, byHand)).toBeLessThan(1e-12);
  });

  it('a bare network with EDM preconditioning samples as its denoiser does', async () => {
    const sigmaData = 0.5;
    const network: Model = (x, time) => 0.3 * x + 0.2 * Math.sin(x + time);
    const denoiser: Model = (x, sigma) => {
      const variance = sigma ** 2 + sigmaData ** 2;
      const answer = network(x / Math.sqrt(variance), Math.log(sigma) / 4);
      return (sigmaData ** 2 * x) / variance + ((sigma * sigmaData) / Math.sqrt(variance)) * answer;
    };
    const churn = { amount: 40, min: 0.05, max: 50, noise: 1.003 };
    for (const config of [{}, { discretization: 'vp', schedule: 'vp', scaling: 'vp' }]) {
      const expected = await sampleWith(edmPaper(config), { steps: 6, churn }, denoiser);
      const bare = edmPaper({ ...config, sigma_data: sigmaData });
      const result = await sampleWith(bare, { steps: 6, churn }, network);
      expect(distance(result, expected)).toBeLessThan(1e-12);
    }
  });
});

describe('flow matching', () => {
  const data = 0.7;
  // Data that is a single point: the velocity is noise - data, and every step is exact.
  const toPoint: Model = (x, t) => (x - data) / (t / 1000);

  it.each([
    ['FlowMatchEulerDiscreteScheduler', { shift: 3 }],
    ['FlowMatchEulerDiscreteScheduler', { use_beta_sigmas: true }],
    ['FlowMatchHeunDiscreteScheduler', { shift: 3 }],
  ])('%s %o finds a single point exactly', async (_class_name, config) => {
    const result = await sampleWith(named(_class_name, config), { steps: 5 }, toPoint);
    expect(distance(result, [data, data, data])).toBeLessThan(1e-12);
  });

  // Data that is normal with standard deviation s: x(sigma) grows as the root of its variance.
  const s = 0.5;
  const variance = (sigma: number) => (1 - sigma) ** 2 * s ** 2 + sigma ** 2;
  const toNormal: Model = (x, t) => {
    const sigma = t / 1000;
    return (x * (sigma - (1 - sigma) * s ** 2)) / variance(sigma);
  };
  const exact = start.map((value) => value * s);

  it.each([
    ['Euler', 'FlowMatchEulerDiscreteScheduler', {}, 1],
    ['Heun', 'FlowMatchHeunDiscreteScheduler', {}, 2],
  ])('%s converges with its order', async (_, _class_name, config, order) => {
    const scheduler = named(_class_name, config);
    const errorOf = async (steps: number) =>
      distance(await sampleWith(scheduler, { steps }, toNormal), exact);
    const rate = Math.log2((await errorOf(80)) / (await errorOf(160)));
    expect(Math.abs(rate - order)).toBeLessThan(0.2);
  });

  it('higher orders are more exact', async () => {
    const flow = { prediction_type: 'flow_prediction', use_flow_sigmas: true, flow_shift: 3 };
    // These solvers tell the model whole timesteps, so the model takes the sigma of the call itself.
    const errorOf = async (_class_name: string, config: Record<string, unknown>) => {
      const scheduler = named(_class_name, { ...flow, ...config });
      const schedule = scheduler.schedule({ steps: 20 });
      const result = await denoise({
        schedule,
        arithmetic,
        registers: new Map([['sample', Float64Array.from(start)]]),
        predict: async ({ input, step }) => [
          { prediction: input.map((x) => toNormal(x, step.sigma * 1000)) },
        ],
      });
      return distance(result, exact);
    };
    for (const _class_name of ['DPMSolverMultistepScheduler', 'UniPCMultistepScheduler']) {
      const errors = [
        await errorOf(_class_name, { solver_order: 1 }),
        await errorOf(_class_name, { solver_order: 2 }),
        await errorOf(_class_name, { solver_order: 3 }),
      ];
      expect(errors[1]).toBeLessThan(errors[0] / 2);
      expect(errors[2]).toBeLessThan(errors[1]);
    }
  });

  it('gives the course of Wan 2.1 at 480p', () => {
    const { timesteps, sigmas } = named('UniPCMultistepScheduler', {
      use_flow_sigmas: true,
      flow_shift: 3,
      prediction_type: 'flow_prediction',
    }).schedule({ steps: 4 });
    expect(timesteps).toEqual([999, 900, 750, 500]);
    // 3·u / (1 + 2·u) for u = 1, 0.75025, 0.5005, 0.25075; the first is kept below 1.
    const expected = [0.999999, 2.25075 / 2.5005, 1.5015 / 2.001, 0.75225 / 1.5015, 0];
    expected.forEach((value, i) => {
      expect(sigmas[i]).toBeCloseTo(value, 13);
    });
  });

  it('moves every token by itself, and leaves a clean one alone', async () => {
    const tokens = [1000, 400, 0];
    const schedule = named('FlowMatchEulerDiscreteScheduler').schedule({
      sigmas: [1, 0.5],
      tokenTimesteps: [tokens, [500, 400, 0]],
    });
    const result = await denoise({
      schedule,
      arithmetic: doubleArithmetic({ tokens: 3 }, () => new Float64Array(3)),
      registers: new Map([['sample', Float64Array.from([1, 1, 1])]]),
      predict: async ({ tokenTimesteps }) => [
        { prediction: Float64Array.from(tokenTimesteps ?? [], () => 1) },
      ],
    });
    // 1 → 0.5 → 0; 0.4 → 0 twice, as its timestep never falls; 0 stays.
    expect(Array.from(result)).toEqual([0, 1 - 0.4 - 0.4, 1]);
  });

  it('computes mu on the line between two lengths', () => {
    const config = {
      base_shift: 0.5,
      max_shift: 1.15,
      base_image_seq_len: 256,
      max_image_seq_len: 4096,
    };
    expect(muForTokens(256, config)).toBeCloseTo(0.5, 14);
    expect(muForTokens(4096, config)).toBeCloseTo(1.15, 14);
  });
});

const everyClass: readonly (readonly [string, Record<string, unknown>, ScheduleOptions])[] = [
  ['CogVideoXDDIMScheduler', {}, {}],
  ['CogVideoXDPMScheduler', { rescale_betas_zero_snr: true }, {}],
  ['DDIMScheduler', {}, { eta: 0.5 }],
  ['DDPMScheduler', { variance_type: 'learned_range' }, {}],
  ['DPMSolverMultistepScheduler', { algorithm_type: 'sde-dpmsolver++', solver_order: 3 }, {}],
  ['EDMDPMSolverMultistepScheduler', { solver_order: 3 }, {}],
  ['EDMEulerScheduler', {}, { churn: { amount: 4 } }],
  ['EulerAncestralDiscreteScheduler', {}, {}],
  ['EulerDiscreteScheduler', { use_karras_sigmas: true }, { churn: { amount: 4 } }],
  ['FlowMatchEulerDiscreteScheduler', { stochastic_sampling: true }, {}],
  ['FlowMatchHeunDiscreteScheduler', {}, { churn: { amount: 4 } }],
  ['HeunDiscreteScheduler', { clip_sample: true }, {}],
  ['LCMScheduler', {}, {}],
  ['UniPCMultistepScheduler', { solver_order: 3 }, {}],
];

describe('every schedule', () => {
  it.each(everyClass)('of %s is plain data', (_class_name, config, options) => {
    const schedule = named(_class_name, config).schedule({ steps: 6, ...options });
    expect(JSON.parse(JSON.stringify(schedule))).toEqual(schedule);
    expect(schedule.timesteps).toHaveLength(schedule.steps.length);
  });

  it.each(everyClass)(
    'of %s begins in the middle at the same noise level',
    (_class_name, config, options) => {
      const scheduler = named(_class_name, config);
      const whole = scheduler.schedule({ steps: 6, ...options });
      const part = scheduler.schedule({ steps: 6, begin: 2, ...options });
      expect(part.begin).toBe(2);
      expect(part.sigmas).toEqual(whole.sigmas);
      expect(part.steps.map(({ timestep }) => timestep)).toEqual(
        whole.steps.slice(2).map(({ timestep }) => timestep),
      );
      expect(part.steps[0].addNoise).toEqual(whole.steps[2].addNoise);
    },
  );
});

describe('unusual choices follow the original', () => {
  // As in the original: data = sample - sigma · prediction by the course's own sigma, whatever the mixture is.
  it('a flow prediction on a course of ratios is read by the ratio itself', async () => {
    for (const _class_name of ['UniPCMultistepScheduler', 'DPMSolverMultistepScheduler']) {
      const scheduler = named(_class_name, { prediction_type: 'flow_prediction', solver_order: 1 });
      const { sigmas } = scheduler.schedule({ steps: 1 });
      const answer = await sampleWith(scheduler, { steps: 1 }, (x) => 0.5 * x + 0.1);
      // One step to sigma 0 arrives at the predicted data.
      const expected = start.map((x) => x - sigmas[0] * (0.5 * x + 0.1));
      expect(distance(answer, expected) / largest(expected)).toBeLessThan(1e-12);
    }
  });

  it('Euler takes more steps than timesteps of training; velocity ends with the table', async () => {
    const scheduler = named('EulerDiscreteScheduler', { num_train_timesteps: 4 });
    const { steps } = scheduler.schedule({ steps: 6 });
    expect(steps.map(({ velocity }) => velocity !== undefined)).toEqual([
      true,
      true,
      true,
      true,
      false,
      false,
    ]);
    const answer = await sampleWith(scheduler, { steps: 6 }, () => 0);
    expect(answer.every(Number.isFinite)).toBe(true);
  });

  it('mu is neither ignored nor left out', () => {
    const solver = named('DPMSolverMultistepScheduler');
    expect(() => solver.schedule({ steps: 3, mu: 0.7 })).toThrow('use_dynamic_shifting');
    const unipc = named('UniPCMultistepScheduler', { use_dynamic_shifting: true });
    expect(() => unipc.schedule({ steps: 3 })).toThrow('mu must be =');
  });
});
