import type { Assignment } from '../schedule.js';
import { checkScale } from './classifier-free.js';
import { type Guidance, unguided } from './guidance.js';
import { checkInterval, type GuidanceInterval, isGuided } from './interval.js';

/** Settings of adaptive projected guidance; the defaults are diffusers', the paper has eta 0 and momentum -0.5. */
export interface AdaptiveProjectedOptions {
  /** As in classifier-free guidance. */
  readonly scale: number;
  /** How much of the difference along the conditional prediction is kept. Default 1: all of it. */
  readonly eta?: number;
  /** The largest norm of the difference; 0 for no limit. Default 15. */
  readonly rescale?: number;
  /** Share of the differences of the steps before; usually negative. Default 0. */
  readonly momentum?: number;
  /** Default: every step. */
  readonly interval?: GuidanceInterval;
}

/**
 * Adaptive projected guidance: the difference of the two predictions is limited in norm, and its part along the
 * conditional prediction, which oversaturates, is reduced. Norms and projections are over the whole sample.
 *
 * Source: Sadat et al. 2024; diffusers' AdaptiveProjectedGuidance.
 */
export function adaptiveProjected(options: AdaptiveProjectedOptions): Guidance {
  const { scale, eta = 1, rescale = 15, momentum = 0, interval } = options;
  const numbers = { scale, eta, rescale, momentum };
  for (const [what, value] of Object.entries(numbers)) checkScale('adaptiveProjected', what, value);
  checkInterval('adaptiveProjected', interval);
  if (scale === 1) return unguided;
  const difference = { conditional: 1, unconditional: -1 };
  return (index, schedule) => {
    if (!isGuided(interval, index, schedule)) return unguided(index, schedule);
    const isFirst = schedule.steps.findIndex((_, i) => isGuided(interval, i, schedule)) === index;
    const set = momentum === 0 ? 'difference' : 'momentum';
    const sum = momentum === 0 || isFirst ? difference : { ...difference, momentum };
    const assignments: Assignment[] = [
      { kind: 'combine', set, sum },
      rescale > 0
        ? { kind: 'limit-norm', set: 'difference', of: set, max: rescale }
        : { kind: 'combine', set: 'difference', sum: { [set]: 1 } },
      { kind: 'project', set: 'parallel', of: 'difference', onto: 'conditional', epsilon: 0 },
      {
        kind: 'combine',
        set: 'prediction',
        sum: { unconditional: 1, difference: scale, parallel: scale * (eta - 1) },
      },
    ];
    return { branches: ['conditional', 'unconditional'], assignments };
  };
}
