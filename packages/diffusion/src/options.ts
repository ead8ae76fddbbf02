import { mustBe, TubeletError } from './error.js';
import { inDouble, type Rounding } from './noise-table.js';
import type { ScheduleOptions } from './schedule.js';

/** The options that every scheduler takes. */
type CommonOption = 'steps' | 'begin';

/** Refuses options the scheduler does not know, and numbers no scheduler takes. */
export function checkOptions(
  name: string,
  options: ScheduleOptions,
  ...known: readonly Exclude<keyof ScheduleOptions, CommonOption>[]
): void {
  const accepted: readonly string[] = ['steps', 'begin', ...known];
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const unknown = given.map(([option]) => option).filter((option) => !accepted.includes(option));
  if (unknown.length > 0) {
    throw new TubeletError(
      'BAD_INPUT',
      name,
      `schedule options must be = ${accepted.join(', ')}, got ${unknown.join(', ')}`,
    );
  }
  for (const list of [options.timesteps, options.sigmas]) {
    if (list && (list.length === 0 || !list.every(Number.isFinite))) {
      throw mustBe(name, 'timesteps and sigmas', 'one number or more', list);
    }
  }
}

/** How numbers of a course are rounded. */
export function roundingOf(name: string, { precision = 'double' }: ScheduleOptions): Rounding {
  if (precision === 'double') return inDouble;
  if (precision === 'single') return Math.fround;
  throw mustBe(name, 'precision', 'single or double', precision);
}

/** The number of steps asked for, where it has to be given as such. */
export function stepCount(name: string, options: ScheduleOptions, max = 1_000_000): number {
  const { steps } = options;
  if (steps === undefined || !Number.isInteger(steps) || steps < 1 || steps > max) {
    throw mustBe(name, 'steps', `a whole number from 1 to ${max}`, steps);
  }
  return steps;
}

/** Refuses to be told the number of steps twice. */
export function onlyOneOf(
  name: string,
  options: ScheduleOptions,
  ...alternatives: readonly ('steps' | 'timesteps' | 'sigmas')[]
): void {
  const given = alternatives.filter((option) => options[option] !== undefined);
  if (given.length !== 1) {
    const actual = given.length > 0 ? given.join(' and ') : 'none';
    throw mustBe(name, 'schedule options', `one of ${alternatives.join(', ')}`, actual);
  }
}

/** Explicit timesteps of training: whole, falling, inside the table. */
export function checkTrainingTimesteps(
  name: string,
  timesteps: readonly number[],
  train: number,
): void {
  const falling = timesteps.every((t, i) => i === 0 || t < timesteps[i - 1]);
  const inside = timesteps.every((t) => Number.isInteger(t) && t >= 0 && t < train);
  if (!falling || !inside) {
    throw mustBe(name, 'timesteps', `falling whole numbers from ${train - 1} to 0`, timesteps);
  }
}

/** `begin`, checked against the number of calls. */
export function beginOf(name: string, options: ScheduleOptions, calls: number): number {
  const { begin = 0 } = options;
  if (!Number.isInteger(begin) || begin < 0 || begin >= calls) {
    throw mustBe(name, 'begin', `a whole number from 0 to ${calls - 1}`, begin);
  }
  return begin;
}
