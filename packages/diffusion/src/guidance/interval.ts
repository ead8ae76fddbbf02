import { mustBe } from '../error.js';
import type { Schedule } from '../schedule.js';

/**
 * The steps that are guided; the others cost one prediction. Bounds are combined.
 *
 * Source: Kynkäänniemi et al. 2024, "Applying Guidance in a Limited Interval", by noise level; diffusers' guiders, by
 * share of the steps.
 */
export interface GuidanceInterval {
  /** Share of the steps before the first guided one, rounded down to whole steps. Default 0. */
  readonly start?: number;
  /** Share of the steps before the first unguided one after it, rounded down. Default 1. */
  readonly stop?: number;
  /** Guided where this ≤ the step's sigma. Default 0. */
  readonly minSigma?: number;
  /** Guided where the step's sigma ≤ this. Default infinity. */
  readonly maxSigma?: number;
}

/** Refuses an interval that is none. */
export function checkInterval(op: string, interval: GuidanceInterval = {}): void {
  const { start = 0, stop = 1, minSigma = 0, maxSigma = Number.POSITIVE_INFINITY } = interval;
  if (!(start >= 0 && start <= stop && stop <= 1)) {
    throw mustBe(op, 'interval', '0 ≤ start ≤ stop ≤ 1', { start, stop });
  }
  if (!(minSigma <= maxSigma)) {
    throw mustBe(op, 'interval', 'minSigma ≤ maxSigma', { minSigma, maxSigma });
  }
}

/** Whether a step is guided. */
export function isGuided(
  interval: GuidanceInterval | undefined,
  index: number,
  schedule: Schedule,
): boolean {
  const { start = 0, stop = 1, minSigma = 0, maxSigma = Number.POSITIVE_INFINITY } = interval ?? {};
  const count = schedule.steps.length;
  const { sigma } = schedule.steps[index];
  return (
    index >= Math.floor(start * count) &&
    index < Math.floor(stop * count) &&
    sigma >= minSigma &&
    sigma <= maxSigma
  );
}
