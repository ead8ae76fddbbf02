import { mustBe, TubeletError } from './error.js';
import type { Scheduler } from './schedule.js';
import { cogVideoXDdim } from './schedulers/cogvideox-ddim.js';
import { cogVideoXDpm } from './schedulers/cogvideox-dpm.js';
import { ddim } from './schedulers/ddim.js';
import { ddimInverse } from './schedulers/ddim-inverse.js';
import { ddpm } from './schedulers/ddpm.js';
import { dpmSolverMultistep } from './schedulers/dpm-solver-multistep.js';
import { edmDpmSolverMultistep } from './schedulers/edm-dpm-solver-multistep.js';
import { edmEuler } from './schedulers/edm-euler.js';
import { eulerAncestralDiscrete } from './schedulers/euler-ancestral-discrete.js';
import { eulerDiscrete } from './schedulers/euler-discrete.js';
import { flowMatchEulerDiscrete } from './schedulers/flow-match-euler-discrete.js';
import { flowMatchHeunDiscrete } from './schedulers/flow-match-heun-discrete.js';
import { heunDiscrete } from './schedulers/heun-discrete.js';
import { lcm } from './schedulers/lcm.js';
import { pndm } from './schedulers/pndm.js';
import { unipcMultistep } from './schedulers/unipc-multistep.js';

type Config = Readonly<Record<string, unknown>>;

/** diffusers' class names. */
const schedulers: Readonly<Record<string, (config: Config) => Scheduler>> = {
  CogVideoXDDIMScheduler: cogVideoXDdim,
  CogVideoXDPMScheduler: cogVideoXDpm,
  DDIMInverseScheduler: ddimInverse,
  DDIMScheduler: ddim,
  DDPMScheduler: ddpm,
  DPMSolverMultistepScheduler: dpmSolverMultistep,
  EDMDPMSolverMultistepScheduler: edmDpmSolverMultistep,
  EDMEulerScheduler: edmEuler,
  EulerAncestralDiscreteScheduler: eulerAncestralDiscrete,
  EulerDiscreteScheduler: eulerDiscrete,
  FlowMatchEulerDiscreteScheduler: flowMatchEulerDiscrete,
  FlowMatchHeunDiscreteScheduler: flowMatchHeunDiscrete,
  HeunDiscreteScheduler: heunDiscrete,
  LCMScheduler: lcm,
  PNDMScheduler: pndm,
  UniPCMultistepScheduler: unipcMultistep,
};

/**
 * The scheduler of a diffusers scheduler_config.json, chosen by `_class_name`; `_diffusers_version` is ignored.
 *
 * @throws TubeletError UNSUPPORTED for a class that is not known, BAD_CONFIG naming options or values that are not
 */
export function schedulerFromConfig(config: Config): Scheduler {
  const name = config._class_name;
  if (typeof name !== 'string' || !Object.hasOwn(schedulers, name)) {
    const known = Object.keys(schedulers).join(', ');
    throw mustBe('schedulerFromConfig', '_class_name', known, name, 'UNSUPPORTED');
  }
  return schedulers[name](config);
}

/**
 * Parses the text of a scheduler_config.json. Python writes infinities (lambda_min_clipped) and NaN as bare words, which
 * JSON has not.
 *
 * @throws TubeletError BAD_CONFIG for text that is not JSON otherwise
 */
export function parseSchedulerConfig(text: string): Config {
  const words: Readonly<Record<string, number>> = {
    Infinity: Number.POSITIVE_INFINITY,
    '-Infinity': Number.NEGATIVE_INFINITY,
    NaN: Number.NaN,
  };
  const mark = '\u0000';
  const json = text.replace(/"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g, (token) =>
    Object.hasOwn(words, token) ? JSON.stringify(mark + token) : token,
  );
  try {
    const config: unknown = JSON.parse(json, (_, value: unknown) =>
      typeof value === 'string' && value.startsWith(mark) ? words[value.slice(1)] : value,
    );
    if (typeof config === 'object' && config !== null && !Array.isArray(config)) {
      return config as Config;
    }
  } catch (cause) {
    throw new TubeletError('BAD_CONFIG', 'parseSchedulerConfig', 'text must be = JSON', { cause });
  }
  throw mustBe('parseSchedulerConfig', 'text', 'a JSON object', text.slice(0, 40), 'BAD_CONFIG');
}
