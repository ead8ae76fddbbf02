import { sumOf } from './combination.js';
import type { Combination } from './schedule.js';

/** One step of Euler's method along sigma, where x = data + sigma · noise. */
export function eulerStep(from: number, to: number, data: Combination): Combination {
  const change = (to - from) / from;
  return sumOf([1, { sample: 1 }], [change, { sample: 1 }], [-change, data]);
}
