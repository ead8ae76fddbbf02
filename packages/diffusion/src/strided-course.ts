import { beginOf, checkTrainingTimesteps, stepCount } from './options.js';
import type { ScheduleOptions } from './schedule.js';
import { roundHalfEven, type SpacingConfig, spacedTimesteps } from './spacing.js';

/** Whole falling timesteps inside the table. */
export function wholeTimesteps(
  name: string,
  config: SpacingConfig,
  options: ScheduleOptions,
): readonly number[] {
  const train = config.num_train_timesteps;
  const timesteps = spacedTimesteps(config, stepCount(name, options, train)).map(roundHalfEven);
  checkTrainingTimesteps(name, timesteps, train);
  return timesteps;
}

/** The course of DDIM and its kin: a step falls by num_train_timesteps / steps, whatever the spacing. */
export function stridedCourse(
  name: string,
  config: SpacingConfig & { readonly set_alpha_to_one: boolean },
  alphasCumprod: readonly number[],
  options: ScheduleOptions,
) {
  const timesteps = wholeTimesteps(name, config, options);
  const stride = Math.floor(config.num_train_timesteps / timesteps.length);
  const last = config.set_alpha_to_one ? 1 : alphasCumprod[0];
  /** Below the table the run is at its end. */
  const alphaAt = (timestep: number) => (timestep >= 0 ? alphasCumprod[timestep] : last);
  return { timesteps, stride, last, alphaAt, begin: beginOf(name, options, timesteps.length) };
}
