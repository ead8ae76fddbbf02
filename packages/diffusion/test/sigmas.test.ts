import { describe, expect, it } from 'vitest';
import { betaQuantile } from '../src/beta-quantile.js';
import { solve } from '../src/linear-system.js';
import {
  exponentialSigmas,
  interpolate,
  karrasSigmas,
  shiftSigma,
  stretchToTerminal,
  timestepOfSigma,
} from '../src/sigmas.js';
import {
  linspace,
  roundHalfEven,
  spacedTimesteps,
  spacedTimestepsAboveLowest,
} from '../src/spacing.js';

const shares = [1e-9, 0.001, 0.1, 0.25, 0.5, 0.8, 0.999];

describe('betaQuantile', () => {
  it.each([
    ['uniform', 1, 1, (p: number) => p],
    ['a power', 2, 1, (p: number) => Math.sqrt(p)],
    ['a power from above', 1, 3, (p: number) => 1 - Math.cbrt(1 - p)],
    ['arcsine', 0.5, 0.5, (p: number) => Math.sin((Math.PI * p) / 2) ** 2],
  ])('has the closed form of %s', (_, a, b, exact) => {
    for (const p of shares) expect(Math.abs(betaQuantile(p, a, b) - exact(p))).toBeLessThan(1e-13);
  });

  it('is symmetric for equal shapes, and ends at 0 and 1', () => {
    for (const p of [0.1, 0.3, 0.45]) {
      expect(betaQuantile(p, 0.6, 0.6) + betaQuantile(1 - p, 0.6, 0.6)).toBeCloseTo(1, 13);
    }
    expect([betaQuantile(0, 0.6, 0.6), betaQuantile(1, 0.6, 0.6)]).toEqual([0, 1]);
  });
});

describe('spacing', () => {
  it('rounds halves to even', () => {
    expect([0.5, 1.5, 2.5, -0.5, -1.5, 2.4999, 3].map(roundHalfEven)).toEqual([
      0, 2, 2, 0, -2, 2, 3,
    ]);
  });

  it('includes both ends, and gives the start for a single point', () => {
    expect(linspace(0, 1, 5)).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(linspace(3, 9, 1)).toEqual([3]);
  });

  it.each([
    ['linspace', [999, 666, 333, 0], [999, 749, 500, 250]],
    ['leading', [751, 501, 251, 1], [801, 601, 401, 201]],
    ['trailing', [999, 749, 499, 249], [999, 749, 499, 249]],
  ] as const)('cuts %s; for multistep solvers above the lowest', (spacing, all, aboveLowest) => {
    const config = { num_train_timesteps: 1000, timestep_spacing: spacing, steps_offset: 1 };
    expect(spacedTimesteps(config, 4)).toEqual(all);
    expect(spacedTimestepsAboveLowest(config, 4)).toEqual(aboveLowest);
  });
});

describe('sigmas', () => {
  it('run from the highest to the lowest', () => {
    for (const sigmas of [karrasSigmas(80, 0.002, 7), exponentialSigmas(80, 0.002, 7)]) {
      expect(sigmas[0]).toBeCloseTo(80, 10);
      expect(sigmas[6]).toBeCloseTo(0.002, 12);
      expect(sigmas.every((sigma, i) => i === 0 || sigma < sigmas[i - 1])).toBe(true);
    }
    expect(exponentialSigmas(100, 1, 3)[1]).toBeCloseTo(10, 12);
  });

  it('are shifted with both ends fixed', () => {
    expect([0, 0.5, 1].map((sigma) => shiftSigma(sigma, 3))).toEqual([0, 0.75, 1]);
    const stretched = stretchToTerminal([1, 0.5, 0.25], 0.1);
    [1, 0.4, 0.1].forEach((expected, i) => {
      expect(stretched[i]).toBeCloseTo(expected, 14);
    });
  });

  it('are read from a table at fractions, and find their timestep again', () => {
    const table = [0.1, 0.2, 0.8, 2];
    expect([-1, 0, 1.5, 3, 9].map((index) => interpolate(index, table))).toEqual([
      0.1, 0.1, 0.5, 2, 2,
    ]);
    const logs = table.map(Math.log);
    expect(timestepOfSigma(0.4, logs)).toBeCloseTo(1.5, 12);
    expect([0, 0.05, 50].map((sigma) => timestepOfSigma(sigma, logs))).toEqual([0, 0, 3]);
  });
});

describe('solve', () => {
  it('solves systems that need pivoting', () => {
    const x = solve(
      [
        [0, 2, 1],
        [1, 1, 1],
        [2, -1, 3],
      ],
      [7, 6, 9],
    );
    [1, 2, 3].forEach((expected, i) => {
      expect(x[i]).toBeCloseTo(expected, 12);
    });
  });

  it('answers no finite numbers for a singular matrix', () => {
    const singular = [
      [1, 2],
      [2, 4],
    ];
    expect(solve(singular, [1, 1]).every(Number.isFinite)).toBe(false);
  });
});
