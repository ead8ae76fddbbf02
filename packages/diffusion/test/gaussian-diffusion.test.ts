import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  execute,
  type GaussianTables,
  gaussianDiffusion,
  gaussianTables,
  respacedTimesteps,
} from '@tubelet/diffusion';
import { doubleArithmetic, goldensFolder, readSafetensorsFixture } from '@tubelet/testing';
import { describe, expect, it } from 'vitest';

const folder = join(goldensFolder() ?? '', 'dit');
const isPresent = goldensFolder() !== undefined && existsSync(folder);

/** The largest difference relative to the largest expected value. */
function relativeError(ours: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(ours.length).toBe(expected.length);
  const scale = Math.max(...Array.from(expected, Math.abs));
  return Math.max(...Array.from(ours, (value, i) => Math.abs(value - expected[i]))) / scale;
}

describe('respacedTimesteps', () => {
  it('spreads sections with both their ends', () => {
    expect(respacedTimesteps(10, '4')).toEqual([0, 3, 6, 9]);
    expect(respacedTimesteps(10, '2,3')).toEqual([0, 4, 5, 7, 9]);
    expect(respacedTimesteps(11, '1,1')).toEqual([0, 6]);
    expect(respacedTimesteps(3, '')).toEqual([0, 1, 2]);
  });

  it('strides from 0', () => {
    expect(respacedTimesteps(1000, 'ddim50').slice(-2)).toEqual([960, 980]);
  });

  it.each(['11', '6,6', 'ddim7', 'x', 'ddim', '-1'])('refuses %s of 10', (respacing) => {
    expect(() => respacedTimesteps(10, respacing)).toThrow(/^\[respacedTimesteps\]/);
  });
});

describe('gaussianTables', () => {
  it('keeps the signal of the timesteps it keeps', () => {
    const all = gaussianTables();
    const some = gaussianTables({ respacing: '10,15,20' });
    some.timestepMap.forEach((timestep, i) => {
      expect(some.alphasCumprod[i] / all.alphasCumprod[timestep]).toBeCloseTo(1, 12);
    });
  });

  // Skipped where the goldens are absent: set TUBELET_GOLDENS.
  it.skipIf(!isPresent)('agrees with the original to 1e-12', async () => {
    const golden = await readSafetensorsFixture(join(folder, 'tables/io.safetensors'));
    const respacings = { 250: '250', 25: '25', ddim50: 'ddim50', sections: '10,15,20' };
    const names: Record<string, keyof GaussianTables> = {
      timestep_map: 'timestepMap',
      betas: 'betas',
      alphas_cumprod: 'alphasCumprod',
      posterior_variance: 'posteriorVariance',
      posterior_log_variance_clipped: 'posteriorLogVarianceClipped',
      posterior_mean_coef1: 'posteriorMeanCoef1',
      posterior_mean_coef2: 'posteriorMeanCoef2',
    };
    const compare = (label: string, tables: GaussianTables) => {
      for (const [theirs, ours] of Object.entries(names)) {
        const expected = golden.get(`${label}.${theirs}`)?.values ?? [];
        expect(relativeError(tables[ours], expected), `${label}.${theirs}`).toBeLessThan(1e-12);
      }
    };
    for (const [label, respacing] of Object.entries(respacings)) {
      compare(label, gaussianTables({ respacing }));
    }
    const cosine = gaussianTables({ respacing: '25', noiseSchedule: 'squaredcos_cap_v2' });
    compare('cosine25', cosine);
  });
});

describe('gaussianDiffusion', () => {
  it('takes the number of steps from the schedule or from the config', () => {
    const { timesteps } = gaussianDiffusion().schedule({ steps: 25 });
    expect(timesteps).toHaveLength(25);
    expect([timesteps[0], timesteps[24]]).toEqual([999, 0]);
    expect(gaussianDiffusion({ timestep_respacing: 'ddim50' }).schedule({}).steps).toHaveLength(50);
    expect(() => gaussianDiffusion({ timestep_respacing: '5' }).schedule({ steps: 5 })).toThrow(
      /steps must be = absent/,
    );
    expect(() => gaussianDiffusion().schedule({ steps: 1 })).toThrow(/2 or more/);
    expect(() => gaussianDiffusion().schedule({ steps: 5, eta: 0.5 })).toThrow(/eta must be/);
  });

  it('draws no noise in the last step', () => {
    const kinds = gaussianDiffusion()
      .schedule({ steps: 3 })
      .steps.map(({ after }) => after.some(({ kind }) => kind === 'draw'));
    expect(kinds).toEqual([true, true, false]);
  });

  // Skipped where the goldens are absent: set TUBELET_GOLDENS.
  it.skipIf(!isPresent).each([
    ['p', { clip_denoised: false }, {}],
    ['p_clip', {}, {}],
    ['ddim_eta0', { sampler: 'ddim', clip_denoised: false }, {}],
    ['ddim_eta0.5', { sampler: 'ddim', clip_denoised: false }, { eta: 0.5 }],
  ])('does the first step of DiT as the original: %s', async (run, config, options) => {
    const golden = await readSafetensorsFixture(join(folder, 'sample-25/io.safetensors'));
    const read = (name: string) => golden.get(name)?.values ?? new Float64Array();
    const sample = read('input.z');
    const output = read(`output.${run}.model_output_first`);
    const size = sample.length / 4;
    // Each of the four answers is prediction, then variance.
    const half = (part: number) =>
      sample.map((_, i) => output[i + size * (Math.floor(i / size) + part)]);
    const registers = new Map([
      ['sample', sample],
      ['prediction', half(0)],
      ['variance', half(1)],
    ]);
    const [step] = gaussianDiffusion(config).schedule({ steps: 25, ...options }).steps;
    const noise = () => read('input.noise').slice(0, sample.length);
    await execute(step.after, registers, doubleArithmetic({ samples: 4, channels: 4 }, noise));
    const expected = read(`output.${run}.x_after_step`).subarray(0, sample.length);
    expect(relativeError(registers.get('sample') ?? [], expected)).toBeLessThan(2e-7);
  });
});
