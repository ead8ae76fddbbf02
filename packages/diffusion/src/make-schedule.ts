import { mustBe } from './error.js';
import type { Schedule, Step } from './schedule.js';

/** A step as its scheduler writes it; most do nothing before the call and give the model the sample as it is. */
export type StepDraft = Omit<Step, 'before' | 'input'> & Partial<Pick<Step, 'before' | 'input'>>;

/** A schedule as its scheduler writes it. */
export interface ScheduleDraft extends Pick<Schedule, 'scheduler' | 'timesteps' | 'sigmas'> {
  readonly steps: readonly StepDraft[];
  /** @defaultValue 0 */
  readonly begin?: number;
  /** @defaultValue 1 */
  readonly initialNoiseScale?: number;
  /** @defaultValue false */
  readonly predictsVariance?: boolean;
}

/**
 * Fills in the defaults of a draft. A number that is not finite is refused: the originals go on with NaN or infinity.
 *
 * @throws TubeletError BAD_CONFIG naming the step
 */
export function makeSchedule(draft: ScheduleDraft): Schedule {
  const { scheduler, begin = 0, initialNoiseScale = 1, predictsVariance = false } = draft;
  if (!Number.isFinite(initialNoiseScale)) {
    throw mustBe(scheduler, 'initialNoiseScale', 'finite', initialNoiseScale, 'BAD_CONFIG');
  }
  draft.steps.forEach((step, i) => {
    const bad = numbersOf(step).find((value) => !Number.isFinite(value));
    if (bad !== undefined) {
      throw mustBe(
        scheduler,
        `coefficients of step ${begin + i} (timestep ${step.timestep}, sigma ${step.sigma})`,
        'finite (this config and number of steps divide by zero or leave the real numbers)',
        bad,
        'BAD_CONFIG',
      );
    }
  });
  const steps = draft.steps.map((step) => ({ before: [], input: { sample: 1 }, ...step }));
  return { ...draft, begin, initialNoiseScale, predictsVariance, steps };
}

/** Every number in a step, however deep. */
function numbersOf(value: unknown): number[] {
  if (typeof value === 'number') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(numbersOf);
}
