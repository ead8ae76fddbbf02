import type { Assignment, Schedule } from '../schedule.js';

/**
 * A conditioning the model predicts for: with the prompt, with the negative or empty prompt, and with the prompt by a
 * weakened network (layers skipped, attention replaced by identity). Its prediction goes to the register of this name.
 */
export type Branch = 'conditional' | 'unconditional' | 'perturbed';

/** Guidance of one step, as data. */
export interface GuidedStep {
  /** What the model has to predict; empty where the prediction does not depend on the model. */
  readonly branches: readonly Branch[];
  /** From the branches' registers to `prediction`. */
  readonly assignments: readonly Assignment[];
  /** Distilled guidance: the scale the model takes as an input. */
  readonly embeddedScale?: number;
}

/** Decides how the predictions of `schedule.steps[index]` become one. */
export type Guidance = (index: number, schedule: Schedule) => GuidedStep;

/** One conditional prediction, as it is. */
export const unguided: Guidance = () => ({
  branches: ['conditional'],
  assignments: [{ kind: 'combine', set: 'prediction', sum: { conditional: 1 } }],
});
