import { type Scheduler, schedulerFromConfig } from '@tubelet/diffusion';
import { TubeletError } from '../errors.js';

const classes = {
  unipc: 'UniPCMultistepScheduler',
  'flow-match-euler': 'FlowMatchEulerDiscreteScheduler',
} as const;

/** Classes that can run flow matching; their configs decide whether they do. */
const flowClasses: readonly unknown[] = [
  ...Object.values(classes),
  'DPMSolverMultistepScheduler',
  'FlowMatchHeunDiscreteScheduler',
];

/** Schedulers of flow-matching models by short name. */
export type SchedulerName = keyof typeof classes;

/** What a diffusers scheduler_config.json holds. */
export type SchedulerConfig = Readonly<Record<string, unknown>>;

export const schedulerNames = Object.keys(classes) as SchedulerName[];

/**
 * The checkpoint's own scheduler, a named one with the checkpoint's shift, or one of another config.
 *
 * @param config the checkpoint's scheduler_config.json
 * @throws TubeletError BAD_INPUT for an unknown name, UNSUPPORTED and BAD_CONFIG for a config
 */
export function chooseScheduler(
  config: SchedulerConfig,
  name: SchedulerName | SchedulerConfig | undefined,
): Scheduler {
  if (name === undefined) return flowScheduler(config);
  if (typeof name === 'object' && name !== null) return flowScheduler(name);
  if (!Object.hasOwn(classes, name)) {
    const expected = schedulerNames.join(' or ');
    throw new TubeletError('BAD_INPUT', 'generate', `scheduler must be = ${expected}, got ${name}`);
  }
  if (classes[name] === config._class_name) return flowScheduler(config);
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

function flowScheduler(config: SchedulerConfig): Scheduler {
  const name = config._class_name;
  if (flowClasses.includes(name)) return schedulerFromConfig(config);
  const message = `scheduler must be = ${flowClasses.join(', ')}, got ${name}`;
  throw new TubeletError('UNSUPPORTED', 'generate', message);
}
