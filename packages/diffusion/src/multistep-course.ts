import { boolean, integer, number, oneOf } from './config.js';
import { thresholdFields } from './data-limits.js';
import { noiseLevel } from './multistep.js';
import {
  inDouble,
  type NoiseTable,
  noiseTable,
  type Rounding,
  tableFields,
} from './noise-table.js';
import { beginOf, roundingOf } from './options.js';
import type { ScheduleOptions } from './schedule.js';
import { sigmaDistributionFields } from './sigmas.js';

/** The options that DPM-Solver and UniPC have in common. */
export const multistepFields = {
  ...tableFields,
  solver_order: integer(2, 1, 3),
  prediction_type: oneOf('epsilon', 'sample', 'v_prediction', 'flow_prediction'),
  ...thresholdFields,
  lower_order_final: boolean(true),
  ...sigmaDistributionFields,
  use_flow_sigmas: boolean(false),
  flow_shift: number(1, 0),
  final_sigmas_type: oneOf('zero', 'sigma_min'),
  timestep_spacing: oneOf('linspace', 'leading', 'trailing'),
  steps_offset: integer(0, 0),
  rescale_betas_zero_snr: boolean(false),
  use_dynamic_shifting: boolean(false),
};

/** What a solver goes through; the sigmas have one more at the end. */
interface Course {
  readonly timesteps: readonly number[];
  readonly sigmas: readonly number[];
}

/** The course of a multistep solver over the config's table, and the noise level at each of its points. */
export function multistepCourse(
  name: string,
  config: Parameters<typeof noiseTable>[1] & { readonly use_flow_sigmas: boolean },
  options: ScheduleOptions,
  course: (table: NoiseTable) => Course,
) {
  const over = (rounding: Rounding) =>
    course(noiseTable(name, config, { lastAlphaCumprod: 2 ** -24, rounding }));
  const sigmas = over(inDouble).sigmas.map(roundingOf(name, options));
  // Whole timesteps are sometimes cut off rather than rounded, so diffusers' float32 tables decide some of them.
  const { timesteps } = over(Math.fround);
  const begin = beginOf(name, options, timesteps.length);
  const levels = sigmas.map((sigma) => noiseLevel(sigma, config.use_flow_sigmas));
  return { timesteps, sigmas, begin, levels };
}
