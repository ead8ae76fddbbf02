import { assign } from './combination.js';
import { mustBe } from './error.js';
import type { Assignment, Churn } from './schedule.js';

/** Noise that is added to a sample before a step, raising its sigma. */
export interface AddedNoise {
  /** The sigma that is reached. */
  readonly sigmaHat: number;
  /** Coefficient of the noise; 0 where none is added. */
  readonly noise: number;
}

/** What churn adds at a sigma, in a run of `count` steps (Karras et al. 2022, algorithm 2). */
export function addedNoise(churn: Churn | undefined, sigma: number, count: number): AddedNoise {
  const { amount = 0, min = 0, max = Number.POSITIVE_INFINITY, noise = 1 } = churn ?? {};
  const gamma = sigma >= min && sigma <= max ? Math.min(amount / count, Math.SQRT2 - 1) : 0;
  const sigmaHat = sigma * (gamma + 1);
  return { sigmaHat, noise: gamma > 0 ? noise * Math.sqrt(sigmaHat ** 2 - sigma ** 2) : 0 };
}

/** Adds noise, the draw of this number, to the sample. */
export function addNoise(noise: number, index: number): Assignment[] {
  return [{ kind: 'draw', set: 'noise', index }, assign('sample', { sample: 1, noise })];
}

/** Refuses churn that is not a number. */
export function checkChurn(name: string, churn: Churn | undefined): void {
  if (!churn) return;
  for (const [what, value] of Object.entries(churn)) {
    const isBound = what === 'max' && value === Number.POSITIVE_INFINITY;
    if (value !== undefined && !(value >= 0 && (Number.isFinite(value) || isBound))) {
      throw mustBe(name, `churn.${what}`, 'a number from 0', value);
    }
  }
}
