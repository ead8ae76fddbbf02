import { mustBe } from '../error.js';
import type { Assignment } from '../schedule.js';
import { type Guidance, unguided } from './guidance.js';
import { checkInterval, type GuidanceInterval, isGuided } from './interval.js';

/** Settings of classifier-free guidance. */
export interface ClassifierFreeOptions {
  /** unconditional + scale · (conditional - unconditional); 1 is no guidance and costs one prediction. */
  readonly scale: number;
  /**
   * Guide only the first channels and take the others from the conditional prediction: 3 in DiT's released sampler.
   * Default: all.
   */
  readonly channels?: number;
  /**
   * How much of the guided prediction's standard deviation becomes the conditional one's, 0 to 1 (Lin et al. 2024, section
   * 3.4; `guidance_rescale` of diffusers). Default 0.
   */
  readonly rescale?: number;
  /** Default: every step. */
  readonly interval?: GuidanceInterval;
}

/** Classifier-free guidance (Ho and Salimans 2022, in the form of diffusers). */
export function classifierFree(options: ClassifierFreeOptions): Guidance {
  const { scale, channels, rescale = 0, interval } = options;
  checkScale('classifierFree', 'scale', scale);
  checkInterval('classifierFree', interval);
  if (channels !== undefined && !(Number.isInteger(channels) && channels > 0)) {
    throw mustBe('classifierFree', 'channels', 'a whole number above 0', channels);
  }
  if (!(rescale >= 0 && rescale <= 1)) {
    throw mustBe('classifierFree', 'rescale', 'a number from 0 to 1', rescale);
  }
  if (scale === 1) return unguided;
  const sum = { unconditional: 1 - scale, conditional: scale };
  const combination: Assignment =
    channels === undefined
      ? { kind: 'combine', set: 'prediction', sum }
      : { kind: 'combine-channels', set: 'prediction', sum, channels, rest: 'conditional' };
  const rescaled: Assignment = {
    kind: 'match-deviation',
    set: 'prediction',
    of: 'prediction',
    like: 'conditional',
    share: rescale,
  };
  const assignments = rescale === 0 ? [combination] : [combination, rescaled];
  return (index, schedule) =>
    isGuided(interval, index, schedule)
      ? { branches: ['conditional', 'unconditional'], assignments }
      : unguided(index, schedule);
}

/** Refuses a scale that is no number. */
export function checkScale(op: string, what: string, scale: number): void {
  if (!Number.isFinite(scale)) throw mustBe(op, what, 'a number', scale);
}
