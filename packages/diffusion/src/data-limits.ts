import { boolean, number } from './config.js';
import type { Assignment } from './schedule.js';

/** The options that keep the predicted data in range. */
export const thresholdFields = {
  thresholding: boolean(false),
  dynamic_thresholding_ratio: number(0.995, 0, 1),
  sample_max_value: number(1, 0),
};

/** The register of the predicted data. */
export const denoised = 'denoised';

interface LimitConfig {
  readonly thresholding?: boolean;
  readonly dynamic_thresholding_ratio?: number;
  readonly sample_max_value?: number;
  readonly clip_sample?: boolean;
  readonly clip_sample_range?: number;
}

/** Keeps a register of data in range as the config says; thresholding goes before clipping. */
export function limitData(config: LimitConfig, set: string = denoised): Assignment[] {
  if (config.thresholding) {
    const { dynamic_thresholding_ratio: ratio = 0.995, sample_max_value: max = 1 } = config;
    return [{ kind: 'threshold', set, of: set, ratio, max }];
  }
  if (config.clip_sample) {
    return [{ kind: 'clamp', set, of: set, limit: config.clip_sample_range ?? 1 }];
  }
  return [];
}
