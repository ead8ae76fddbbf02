import { denoise, pndm, schedulerFromConfig } from '@tubelet/diffusion';
import { doubleArithmetic } from '@tubelet/testing';
import { describe, expect, it } from 'vitest';

/** scheduler_config.json of Stable Diffusion 1.5. */
const published = {
  _class_name: 'PNDMScheduler',
  _diffusers_version: '0.6.0',
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  beta_start: 0.00085,
  clip_sample: false,
  num_train_timesteps: 1000,
  set_alpha_to_one: false,
  skip_prk_steps: true,
  steps_offset: 1,
  trained_betas: null,
};
const start = [1.3, -0.4, 0.02];
const model = (x: number, t: number) => 0.8 * x + 0.2 * Math.sin(x + t / 100);

/** The product of the alphas up to each timestep, of `scaled_linear` betas. */
function alphasCumprod(count = 1000): readonly number[] {
  const [first, last] = [Math.sqrt(0.00085), Math.sqrt(0.012)];
  let product = 1;
  return Array.from({ length: count }, (_, t) => {
    product *= 1 - (first + ((last - first) * t) / (count - 1)) ** 2;
    return product;
  });
}

interface Rules {
  readonly v?: boolean;
  readonly lastAlpha?: number;
}

/**
 * The linear multistep method as Liu et al. write it (equation 9 and the weights of equation 12), one number at a time; the first
 * step is done twice, the second time with the mean of the outputs at its two ends.
 */
function byHand(sample: number, timesteps: readonly number[], { v = false, lastAlpha }: Rules) {
  const alphas = alphasCumprod();
  const stride = Math.floor(1000 / timesteps.length);
  const at = (t: number) => (t >= 0 ? alphas[t] : (lastAlpha ?? alphas[0]));
  const move = (x: number, output: number, t: number) => {
    const [now, next] = [at(t), at(t - stride)];
    const noise = v ? Math.sqrt(now) * output + Math.sqrt(1 - now) * x : output;
    const divisor = now * Math.sqrt(1 - next) + Math.sqrt(now * (1 - now) * next);
    return Math.sqrt(next / now) * x - ((next - now) * noise) / divisor;
  };
  let [x, outputs]: [number, number[]] = [sample, []];
  for (const [i, t] of timesteps.entries()) {
    if (i === 1) {
      const mean = (model(x, t) + outputs[0]) / 2;
      x = move(sample, mean, t + stride);
    }
    outputs = [model(x, t), ...outputs].slice(0, 4);
    const [a, b, c, d] = outputs;
    const output = [
      () => a,
      () => (3 * a - b) / 2,
      () => (23 * a - 16 * b + 5 * c) / 12,
      () => (55 * a - 59 * b + 37 * c - 9 * d) / 24,
    ][outputs.length - 1]();
    x = move(x, output, t);
  }
  return x;
}

async function sampled(config: Readonly<Record<string, unknown>>, steps: number) {
  const schedule = schedulerFromConfig(config).schedule({ steps });
  const result = await denoise({
    schedule,
    arithmetic: doubleArithmetic({}, () => new Float64Array(3)),
    registers: new Map([['sample', Float64Array.from(start)]]),
    predict: async ({ input, timestep }) => [{ prediction: input.map((x) => model(x, timestep)) }],
  });
  return { schedule, result };
}

const leading = (steps: number, offset = 1) =>
  Array.from({ length: steps }, (_, i) => (steps - 1 - i) * Math.floor(1000 / steps) + offset);

describe('PNDM without Runge-Kutta steps', () => {
  it.each([1, 2, 3, 4, 5, 10, 50])(
    'is the multistep method of the paper in %i steps',
    async (steps) => {
      const { schedule, result } = await sampled(published, steps);
      const timesteps = leading(steps);
      const twice = timesteps.flatMap((t, i) => (i === 1 ? [t, t] : [t]));
      expect(schedule.timesteps).toEqual(twice);
      expect(schedule.initialNoiseScale).toBe(1);
      for (const [i, x] of start.entries())
        expect(result[i]).toBeCloseTo(byHand(x, timesteps, {}), 5);
    },
  );

  it('takes v-prediction, an end at 1, and other spacings', async () => {
    const v = await sampled({ ...published, prediction_type: 'v_prediction' }, 7);
    expect(v.result[0]).toBeCloseTo(byHand(start[0], leading(7), { v: true }), 5);
    const one = await sampled({ ...published, set_alpha_to_one: true, steps_offset: 0 }, 7);
    expect(one.result[0]).toBeCloseTo(byHand(start[0], leading(7, 0), { lastAlpha: 1 }), 5);
    const trailing = await sampled({ ...published, timestep_spacing: 'trailing' }, 4);
    expect(trailing.schedule.timesteps).toEqual([999, 749, 749, 499, 249]);
    expect(trailing.result[0]).toBeCloseTo(byHand(start[0], [999, 749, 499, 249], {}), 5);
    const even = await sampled({ ...published, timestep_spacing: 'linspace' }, 4);
    expect(even.schedule.timesteps).toEqual([999, 666, 666, 333, 0]);
  });

  it('refuses what it does not do', () => {
    expect(() => pndm({})).toThrow(/skip_prk_steps must be = true/);
    expect(() => pndm({ ...published, prediction_type: 'sample' })).toThrow(/prediction_type/);
    expect(() => pndm(published).schedule({ steps: 4, begin: 1 })).toThrow(/begin must be = 0/);
    expect(() => pndm(published).schedule({ steps: 0 })).toThrow(/steps must be/);
    expect(() => pndm(published).schedule({ steps: 4, eta: 1 })).toThrow(/got eta/);
  });
});
