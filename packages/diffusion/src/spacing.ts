/** The whole numbers from `begin` up to, not including, `end`. */
export function range(begin: number, end: number): number[] {
  return Array.from({ length: end - begin }, (_, i) => begin + i);
}

/** numpy's linspace: `count` points from `start` to `stop`, both included, in numpy's order of operations. */
export function linspace(start: number, stop: number, count: number): number[] {
  const step = (stop - start) / (count - 1);
  return Array.from({ length: count }, (_, i) =>
    i === count - 1 && count > 1 ? stop : i * (count > 1 ? step : 0) + start,
  );
}

/** To the nearest whole number, halves to the even one, as numpy, PyTorch and Python round. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const fraction = value - floor;
  if (fraction !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** How the timesteps of a run are spread over the timesteps of training ("Common Diffusion Noise Schedules", table 2). */
export type TimestepSpacing = 'linspace' | 'leading' | 'trailing';

/** The options that say so. */
export interface SpacingConfig {
  readonly num_train_timesteps: number;
  readonly timestep_spacing: TimestepSpacing;
  readonly steps_offset: number;
}

/** `count` falling timesteps as DDPM, DDIM, Euler and Heun cut them; `linspace` gives fractions. */
export function spacedTimesteps(config: SpacingConfig, count: number): number[] {
  const { num_train_timesteps: train, steps_offset: offset } = config;
  switch (config.timestep_spacing) {
    case 'linspace':
      return linspace(0, train - 1, count).reverse();
    case 'leading':
      return multiples(Math.floor(train / count), count).map((t) => t + offset);
    case 'trailing':
      return trailing(train, train / count);
  }
}

/**
 * `count` falling whole timesteps as DPM-Solver and UniPC cut them: `count` + 1 points below `last`, the lowest dropped
 * (not with `trailing`).
 */
export function spacedTimestepsAboveLowest(
  config: SpacingConfig,
  count: number,
  last = config.num_train_timesteps,
): number[] {
  const { num_train_timesteps: train, steps_offset: offset } = config;
  switch (config.timestep_spacing) {
    case 'linspace':
      return linspace(0, last - 1, count + 1)
        .map(roundHalfEven)
        .reverse()
        .slice(0, -1);
    case 'leading':
      return multiples(Math.floor(last / (count + 1)), count + 1)
        .slice(0, -1)
        .map((t) => t + offset);
    case 'trailing':
      return trailing(last, train / count);
  }
}

/** (count - 1) · stride, …, stride, 0 */
function multiples(stride: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => (count - 1 - i) * stride);
}

/** numpy's arange(last, 0, -stride), rounded, minus 1. */
function trailing(last: number, stride: number): number[] {
  const length = Math.ceil(last / stride);
  const delta = last - stride - last;
  return Array.from({ length }, (_, i) => roundHalfEven(last + i * delta) - 1);
}
