import type { Guidance, Schedule } from '@tubelet/diffusion';

/**
 * Classifier-free guidance whose scale depends on the timestep. Both predictions are made at every step, at a scale of 1 too.
 */
export function varyingGuidance(
  scaleAt: (timestep: number, schedule: Schedule) => number,
): Guidance {
  return (index, schedule) => {
    const scale = scaleAt(schedule.steps[index]!.timestep, schedule);
    const sum = { unconditional: 1 - scale, conditional: scale };
    return {
      branches: ['conditional', 'unconditional'],
      assignments: [{ kind: 'combine', set: 'prediction', sum }],
    };
  };
}
