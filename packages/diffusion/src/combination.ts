import type { Assignment, Combination, Register } from './schedule.js';

/** Σ factor · combination, register by register, so that schedulers read like the formulas they implement. */
export function sumOf(...parts: readonly (readonly [number, Combination])[]): Combination {
  const sum: Record<Register, number> = {};
  for (const [factor, combination] of parts) {
    for (const [register, coefficient] of Object.entries(combination)) {
      sum[register] = (sum[register] ?? 0) + factor * coefficient;
    }
  }
  return sum;
}

/** The assignment `set = sum`, without the registers whose coefficient is 0. */
export function assign(set: Register, sum: Combination): Assignment {
  const terms = Object.entries(sum).filter(([, coefficient]) => coefficient !== 0);
  // A sum of nothing still needs a register to take its shape from.
  const kept = terms.length > 0 ? terms : Object.entries(sum).slice(0, 1);
  return { kind: 'combine', set, sum: Object.fromEntries(kept) };
}
