import { boolean, integer, number, oneOf } from './config.js';
import { type NoiseTable, noiseTable, tableFields } from './noise-table.js';

/** The options of CogVideoX's two schedulers. */
export const snrShiftFields = {
  ...tableFields,
  beta_start: number(0.00085, 0, 1),
  beta_end: number(0.012, 0, 1),
  beta_schedule: oneOf('scaled_linear', 'linear', 'squaredcos_cap_v2'),
  // These three have no effect in the original either.
  clip_sample: boolean(true),
  clip_sample_range: number(1),
  sample_max_value: number(1),
  set_alpha_to_one: boolean(true),
  steps_offset: integer(0, 0),
  prediction_type: oneOf('epsilon', 'sample', 'v_prediction'),
  timestep_spacing: oneOf('leading', 'linspace', 'trailing'),
  rescale_betas_zero_snr: boolean(false),
  snr_shift_scale: number(3, Number.MIN_VALUE),
};

type TableConfig = Parameters<typeof noiseTable>[1];

/** The table's alphasCumprod at a signal-to-noise ratio divided by the shift; zero SNR is reached after that. */
export function snrShiftedAlphas(
  name: string,
  config: TableConfig & {
    readonly snr_shift_scale: number;
    readonly rescale_betas_zero_snr: boolean;
  },
): NoiseTable['alphasCumprod'] {
  const { snr_shift_scale: shift, rescale_betas_zero_snr } = config;
  const plain = noiseTable(name, { ...config, rescale_betas_zero_snr: false }).alphasCumprod;
  const shifted = plain.map((alpha) => alpha / (shift + (1 - shift) * alpha));
  if (!rescale_betas_zero_snr) return shifted;
  const roots = shifted.map(Math.sqrt);
  const [first, last] = [roots[0], roots[roots.length - 1]];
  return roots.map((root) => (((root - last) * first) / (first - last)) ** 2);
}
