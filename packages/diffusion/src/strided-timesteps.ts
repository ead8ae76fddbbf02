import { checkTrainingTimesteps, stepCount } from './options.js';
import type { ScheduleOptions } from './schedule.js';
import { roundHalfEven, spacedTimesteps, type TimestepSpacing } from './spacing.js';

interface StridedConfig {
  readonly num_train_timesteps: number;
  readonly timestep_spacing: TimestepSpacing;
  readonly steps_offset: number;
}

/** Whole falling timesteps, and the stride by which DDIM's steps fall whatever the spacing. */
export function stridedTimesteps(name: string, config: StridedConfig, options: ScheduleOptions) {
  const train = config.num_train_timesteps;
  const count = stepCount(name, options, train);
  const timesteps = spacedTimesteps({
    spacing: config.timestep_spacing,
    count,
    train,
    offset: config.steps_offset,
  }).map(roundHalfEven);
  checkTrainingTimesteps(name, timesteps, train);
  return { timesteps, stride: Math.floor(train / count) };
}
