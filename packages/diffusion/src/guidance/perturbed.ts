import type { Combination } from '../schedule.js';
import { checkScale } from './classifier-free.js';
import { type Branch, type Guidance, unguided } from './guidance.js';
import { checkInterval, type GuidanceInterval, isGuided } from './interval.js';

/** Settings of guidance by a weakened network. */
export interface PerturbedOptions {
  /** As in classifier-free guidance; 1 needs no unconditional prediction. Default 1. */
  readonly scale?: number;
  /** Weight of (conditional - perturbed). */
  readonly perturbedScale: number;
  /** The steps guided by the weakened network. Default: every step. */
  readonly interval?: GuidanceInterval;
}

/**
 * unconditional + scale · (conditional - unconditional) + perturbedScale · (conditional - perturbed): perturbed
 * attention guidance and skip layer guidance; what is weakened is the model's matter.
 *
 * Source: Ahn et al. 2024, "Self-Rectifying Diffusion Sampling with Perturbed-Attention Guidance".
 */
export function perturbed({ scale = 1, perturbedScale, interval }: PerturbedOptions): Guidance {
  checkScale('perturbed', 'scale', scale);
  checkScale('perturbed', 'perturbedScale', perturbedScale);
  checkInterval('perturbed', interval);
  return (index, schedule) => {
    const weight = isGuided(interval, index, schedule) ? perturbedScale : 0;
    const weights: Combination = {
      conditional: scale + weight,
      ...(scale !== 1 && { unconditional: 1 - scale }),
      ...(weight !== 0 && { perturbed: -weight }),
    };
    const branches = Object.keys(weights) as Branch[];
    return branches.length === 1
      ? unguided(index, schedule)
      : { branches, assignments: [{ kind: 'combine', set: 'prediction', sum: weights }] };
  };
}
