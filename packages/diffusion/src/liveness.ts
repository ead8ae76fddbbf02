import type { Guidance } from './guidance/guidance.js';
import type { Assignment, Register, Schedule } from './schedule.js';

/**
 * The registers that hold, after each step, what later steps read: `sample` and the solver's history. With the index of
 * the next step they are all a run has to keep.
 */
export function registersKept(schedule: Schedule, guidance: Guidance): ReadonlySet<Register>[] {
  const needed = new Set<Register>(['sample']);
  const kept: ReadonlySet<Register>[] = [];
  for (let index = schedule.steps.length - 1; index >= 0; index--) {
    kept.unshift(new Set(needed));
    const step = schedule.steps[index];
    const { assignments, branches } = guidance(index, schedule);
    undo(step.after, needed);
    undo(assignments, needed);
    for (const register of [...branches, 'variance']) needed.delete(register);
    for (const register of Object.keys(step.input)) needed.add(register);
    undo(step.before, needed);
  }
  return kept;
}

/** From what is needed after some assignments to what is needed before them. */
function undo(assignments: readonly Assignment[], needed: Set<Register>): void {
  for (const assignment of assignments.toReversed()) {
    needed.delete(assignment.set);
    for (const register of readBy(assignment)) needed.add(register);
  }
}

function readBy(assignment: Assignment): readonly Register[] {
  switch (assignment.kind) {
    case 'combine':
    case 'combine-tokens':
      return Object.keys(assignment.sum);
    case 'combine-channels':
      return [...Object.keys(assignment.sum), assignment.rest];
    case 'draw':
      return [];
    case 'learned-range':
      return [assignment.of, 'variance'];
    case 'match-deviation':
      return [assignment.of, assignment.like];
    case 'project':
      return [assignment.of, assignment.onto];
    case 'clamp':
    case 'threshold':
    case 'limit-norm':
      return [assignment.of];
  }
}
