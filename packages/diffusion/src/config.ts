import { mustBe, TubeletError } from './error.js';

/** Reads one option of a scheduler_config.json. */
export interface Field<Value> {
  readonly default: Value;
  /** In words, for the error message. */
  readonly expected: string;
  accepts(value: unknown): value is Value;
}

/** The options of one scheduler, under diffusers' names. */
export type Fields = Readonly<Record<string, Field<unknown>>>;

/** The config that fields read. */
export type ConfigOf<Options extends Fields> = {
  readonly [Name in keyof Options]: Options[Name] extends Field<infer Value> ? Value : never;
};

export function boolean(preset: boolean): Field<boolean> {
  return {
    default: preset,
    expected: 'true or false',
    accepts: (value): value is boolean => typeof value === 'boolean',
  };
}

/** A number in [min, max]; infinities are accepted where the bounds say so. */
export function number(preset: number, min = -Number.MAX_VALUE, max = Number.MAX_VALUE) {
  const bounded = min > -Number.MAX_VALUE || max < Number.MAX_VALUE;
  return {
    default: preset,
    expected: bounded ? `a number from ${min} to ${max}` : 'a number',
    accepts: (value): value is number => typeof value === 'number' && value >= min && value <= max,
  } satisfies Field<number>;
}

export function integer(preset: number, min: number, max = Number.MAX_SAFE_INTEGER): Field<number> {
  return {
    default: preset,
    expected: max < Number.MAX_SAFE_INTEGER ? `${min} to ${max}` : `a whole number from ${min}`,
    accepts: (value): value is number =>
      Number.isInteger(value) && (value as number) >= min && (value as number) <= max,
  };
}

export function oneOf<const Value extends string>(
  preset: Value,
  ...others: readonly Value[]
): Field<Value> {
  const values: readonly unknown[] = [preset, ...others];
  return {
    default: preset,
    expected: values.join(', '),
    accepts: (value): value is Value => values.includes(value),
  };
}

export function text(preset: string): Field<string> {
  return {
    default: preset,
    expected: 'a text',
    accepts: (value): value is string => typeof value === 'string',
  };
}

export function numbers(min: number, max: number): Field<readonly number[]> {
  return {
    default: [],
    expected: `numbers from ${min} to ${max}`,
    accepts: (value): value is readonly number[] =>
      Array.isArray(value) &&
      value.every((item) => typeof item === 'number' && item >= min && item <= max),
  };
}

/** The field, or null, which is the default unless another is given. */
export function nullable<Value>(
  field: Field<Value>,
  preset: Value | null = null,
): Field<Value | null> {
  return {
    default: preset,
    expected: `null or ${field.expected}`,
    accepts: (value): value is Value | null => value === null || field.accepts(value),
  };
}

/** Only null: an option that diffusers publishes and this implementation does not have. */
export function unsupported(): Field<null> {
  return {
    default: null,
    expected: 'null (it is not supported)',
    accepts: (value): value is null => value === null,
  };
}

/**
 * What published configs still carry from the scheduler they were converted from. diffusers ignores an option its class
 * does not take; here that is done only for these, and only with a value that asks for nothing.
 */
const leftovers: Readonly<Record<string, (value: unknown) => boolean>> = {
  clip_sample: (value) => value === false,
  clip_sample_range: () => true,
  dynamic_thresholding_ratio: () => true,
  sample_max_value: () => true,
  set_alpha_to_one: () => true,
  skip_prk_steps: () => true,
  thresholding: (value) => value === false,
};

/**
 * Reads a scheduler's config, filling in diffusers' defaults.
 *
 * @throws TubeletError BAD_CONFIG naming every option that is unknown, or the one whose value is
 */
export function readConfig<Options extends Fields>(
  name: string,
  fields: Options,
  json: Readonly<Record<string, unknown>>,
): ConfigOf<Options> {
  const given = Object.entries(json).filter(
    ([option]) => option !== '_class_name' && option !== '_diffusers_version',
  );
  const unknown = given
    .filter(([option, value]) => !Object.hasOwn(fields, option) && !isLeftover(option, value))
    .map(([option]) => option);
  if (unknown.length > 0) {
    throw new TubeletError(
      'BAD_CONFIG',
      name,
      `options must be = ${Object.keys(fields).join(', ')}, got ${unknown.join(', ')}`,
    );
  }
  const config: Record<string, unknown> = {};
  for (const [option, field] of Object.entries(fields)) {
    const value = Object.hasOwn(json, option) ? json[option] : field.default;
    if (!field.accepts(value)) throw mustBe(name, option, field.expected, value, 'BAD_CONFIG');
    config[option] = value;
  }
  return config as ConfigOf<Options>;
}

function isLeftover(option: string, value: unknown): boolean {
  return Object.hasOwn(leftovers, option) && leftovers[option](value);
}

/** Refuses a config whose options contradict each other. */
export function requireConfig(
  name: string,
  holds: boolean,
  what: string,
  expected: string,
  actual: unknown,
): void {
  if (!holds) throw mustBe(name, what, expected, actual, 'BAD_CONFIG');
}
