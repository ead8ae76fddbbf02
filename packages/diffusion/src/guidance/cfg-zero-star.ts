import { mustBe } from '../error.js';
import { checkScale } from './classifier-free.js';
import { type Guidance, unguided } from './guidance.js';
import { checkInterval, type GuidanceInterval, isGuided } from './interval.js';

/** Settings of CFG-Zero*. */
export interface CfgZeroStarOptions {
  /** As in classifier-free guidance. */
  readonly scale: number;
  /** How many steps at the start predict 0, at no call of the model. Default 1. */
  readonly zeroInitSteps?: number;
  /** Default: every step. */
  readonly interval?: GuidanceInterval;
}

/**
 * CFG-Zero*: classifier-free guidance with the unconditional prediction scaled to the conditional one's projection on
 * it, and no movement in the first steps. For flow matching.
 *
 * Source: Fan et al. 2025; diffusers' ClassifierFreeZeroStarGuidance (epsilon 1e-8 in the projection).
 */
export function cfgZeroStar(options: CfgZeroStarOptions): Guidance {
  const { scale, zeroInitSteps = 1, interval } = options;
  checkScale('cfgZeroStar', 'scale', scale);
  checkInterval('cfgZeroStar', interval);
  if (!(Number.isInteger(zeroInitSteps) && zeroInitSteps >= 0)) {
    throw mustBe('cfgZeroStar', 'zeroInitSteps', 'a whole number from 0', zeroInitSteps);
  }
  return (index, schedule) => {
    if (index < zeroInitSteps) {
      return {
        branches: [],
        assignments: [{ kind: 'combine', set: 'prediction', sum: { sample: 0 } }],
      };
    }
    if (scale === 1 || !isGuided(interval, index, schedule)) return unguided(index, schedule);
    return {
      branches: ['conditional', 'unconditional'],
      assignments: [
        {
          kind: 'project',
          set: 'projection',
          of: 'conditional',
          onto: 'unconditional',
          epsilon: 1e-8,
        },
        {
          kind: 'combine',
          set: 'prediction',
          sum: { projection: 1 - scale, conditional: scale },
        },
      ],
    };
  };
}
