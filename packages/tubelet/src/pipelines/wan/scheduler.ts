import { type Scheduler, schedulerFromConfig } from '@tubelet/diffusion';
import { TubeletError } from '../../errors.js';

const classes = {
  unipc: 'UniPCMultistepScheduler',
  'flow-match-euler': 'FlowMatchEulerDiscreteScheduler',
} as const;

/** Schedulers of flow-matching models by short name. */
export type SchedulerName = keyof typeof classes;

export const schedulerNames = Object.keys(classes) as SchedulerName[];

/**
 * The checkpoint's own scheduler, or another one with the checkpoint's shift.
 *
 * @param config the checkpoint's scheduler_config.json
 * @throws TubeletError BAD_INPUT for an unknown name
 */
export function chooseScheduler(
  config: Readonly<Record<string, unknown>>,
  name: SchedulerName | undefined,
): Scheduler {
  if (name === undefined) return schedulerFromConfig(config);
  if (!Object.hasOwn(classes, name)) {
    const expected = schedulerNames.join(' or ');
    throw new TubeletError('BAD_INPUT', 'generate', `scheduler must be = ${expected}, got ${name}`);
  }
  if (classes[name] === config._class_name) return schedulerFromConfig(config);
  const shift = Number(config.flow_shift ?? config.shift ?? 1);
  return schedulerFromConfig(
    name === 'unipc'
      ? {
          _class_name: classes.unipc,
          prediction_type: 'flow_prediction',
          use_flow_sigmas: true,
          flow_shift: shift,
        }
      : { _class_name: classes['flow-match-euler'], shift },
  );
}
