import {
  muForTokens,
  type Schedule,
  type Scheduler,
  schedulerFromConfig,
} from '@tubelet/diffusion';
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

/** Schedulers by short name: those of flow matching, and those of models that predict noise. */
export type SchedulerName =
  | keyof typeof classes
  | keyof typeof diffusionClasses
  | 'gaussian-diffusion';

/** What a diffusers scheduler_config.json holds. */
export type SchedulerConfig = Readonly<Record<string, unknown>>;

/** Of models that predict noise; `gaussian-diffusion`, the original DiT's own sampler, is not of diffusers. */
const diffusionClasses = {
  ddim: 'DDIMScheduler',
  ddpm: 'DDPMScheduler',
  'dpm-solver++': 'DPMSolverMultistepScheduler',
  euler: 'EulerDiscreteScheduler',
  'euler-ancestral': 'EulerAncestralDiscreteScheduler',
  heun: 'HeunDiscreteScheduler',
  lcm: 'LCMScheduler',
  pndm: 'PNDMScheduler',
  unipc: 'UniPCMultistepScheduler',
} as const;

/** All short names. */
export const schedulerNames = [
  ...new Set([...Object.keys(classes), ...Object.keys(diffusionClasses), 'gaussian-diffusion']),
] as SchedulerName[];

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
  if (!isIn(classes, name)) {
    const expected = Object.keys(classes).join(' or ');
    throw new TubeletError('BAD_INPUT', 'generate', `scheduler must be = ${expected}, got ${name}`);
  }
  if (classes[name] === config._class_name) return flowScheduler(config);
  const shift = Number(config.flow_shift ?? config.shift ?? 1);
  const shared = { ...pick(config, dynamicOptions), _class_name: classes[name] };
  return schedulerFromConfig(
    name === 'unipc'
      ? {
          ...shared,
          prediction_type: 'flow_prediction',
          use_flow_sigmas: true,
          flow_shift: shift,
        }
      : { ...shared, shift },
  );
}

/** Of a shift that depends on the request, which both named schedulers have. */
const dynamicOptions = ['use_dynamic_shifting', 'time_shift_type'];

/**
 * The schedule of a request. Where the checkpoint's shift depends on it, `mu` is that of diffusers' pipelines.
 *
 * @param tokens of the latents
 * @param sigmas falling, before the shift; the scheduler's own where absent, and where its config has flow sigmas of its own
 * @throws as {@link chooseScheduler}
 */
export function flowSchedule(
  config: SchedulerConfig,
  given: SchedulerName | SchedulerConfig | undefined,
  steps: number,
  tokens: number,
  sigmas?: readonly number[],
): Schedule {
  const scheduler = chooseScheduler(config, given);
  const used = typeof given === 'object' ? given : config;
  const isOwn = given === 'unipc' || used.use_flow_sigmas === true;
  return scheduler.schedule({
    precision: 'single',
    ...(sigmas && !isOwn ? { sigmas } : { steps }),
    ...(used.use_dynamic_shifting === true && { mu: muForTokens(tokens, shiftRange(used)) }),
  });
}

/** From 1, evenly down to the last step's: what diffusers' pipelines hand to {@link flowSchedule}. */
export function evenSigmas(steps: number): readonly number[] {
  return Array.from({ length: steps }, (_, i) => 1 - i / steps);
}

/** With diffusers' defaults. */
function shiftRange(config: SchedulerConfig) {
  const number = (name: string, fallback: number) => Number(config[name] ?? fallback);
  return {
    base_shift: number('base_shift', 0.5),
    max_shift: number('max_shift', 1.15),
    base_image_seq_len: number('base_image_seq_len', 256),
    max_image_seq_len: number('max_image_seq_len', 4096),
  };
}

function pick(config: SchedulerConfig, names: readonly string[]): SchedulerConfig {
  return Object.fromEntries(Object.entries(config).filter(([name]) => names.includes(name)));
}

/**
 * The checkpoint's own scheduler, a named one with the checkpoint's noise, or one of another config: for models that are not of
 * flow matching.
 *
 * @throws TubeletError BAD_INPUT for an unknown name, UNSUPPORTED and BAD_CONFIG for a config
 */
export function chooseDiffusionScheduler(
  config: SchedulerConfig,
  given: SchedulerName | SchedulerConfig | undefined,
): Scheduler {
  if (given === undefined) return schedulerFromConfig(config);
  if (typeof given === 'object' && given !== null) return schedulerFromConfig(given);
  if (!isIn(diffusionClasses, given)) {
    const expected = Object.keys(diffusionClasses).join(' or ');
    const message = `scheduler must be = ${expected} for this model, got ${given}`;
    throw new TubeletError('BAD_INPUT', 'generate', message);
  }
  if (diffusionClasses[given] === config._class_name) return schedulerFromConfig(config);
  const clips = given === 'ddim' || given === 'ddpm';
  return schedulerFromConfig({
    ...pick(config, sharedOptions),
    ...(clips && { clip_sample: false }),
    ...(given === 'pndm' && { skip_prk_steps: true }),
    _class_name: diffusionClasses[given],
  });
}

/** What a model was trained with, and where its samplers step: diffusers' `from_config` takes them over too. */
const sharedOptions = [
  'beta_end',
  'beta_schedule',
  'beta_start',
  'num_train_timesteps',
  'prediction_type',
  'rescale_betas_zero_snr',
  'set_alpha_to_one',
  'steps_offset',
  'timestep_spacing',
  'trained_betas',
];

function isIn<Table extends object>(table: Table, name: PropertyKey): name is keyof Table {
  return Object.hasOwn(table, name);
}

function flowScheduler(config: SchedulerConfig): Scheduler {
  const name = config._class_name;
  if (flowClasses.includes(name)) return schedulerFromConfig(config);
  const message = `scheduler must be = ${flowClasses.join(', ')}, got ${name}`;
  throw new TubeletError('UNSUPPORTED', 'generate', message);
}
