import { TubeletError } from '@tubelet/graph';

type Json = Readonly<Record<string, unknown>>;

interface Range {
  readonly least?: number;
  readonly most: number;
}

/** Reads a checkpoint's config.json: every option by name, refused by name. */
export interface ConfigReader {
  /** A whole number; 1 or more unless `least` says otherwise. */
  integer(key: string, range: Range & { readonly default?: number }): number;
  /** A whole number, or null where the option is null or absent. */
  optionalInteger(key: string, range: Range): number | null;
  /** A list of whole numbers. */
  integers(
    key: string,
    range: Range & { readonly length?: number; readonly default: readonly number[] },
  ): readonly number[];
  /** Lists of `lengths[i]` whole numbers for each part: given as one number for all, or as a number or a list for each. */
  nestedIntegers(
    key: string,
    lengths: readonly number[],
    range: Range & { readonly default?: number },
  ): readonly (readonly number[])[];
  /** A number above 0. */
  epsilon(key: string, fallback: number): number;
  number(key: string, fallback: number): number;
  numbers(key: string, fallback: readonly number[]): readonly number[];
  flag(key: string, fallback: boolean): boolean;
  flags(key: string, fallback: readonly boolean[]): readonly boolean[];
  word<Word extends string | null>(key: string, words: readonly Word[], fallback: Word): Word;
  /** A list of words. */
  words<Word extends string>(
    key: string,
    words: readonly Word[],
    fallback: readonly Word[],
  ): readonly Word[];
  /** An option as it stands, null where it is absent; another call reads it. */
  given(key: string): unknown;
  /** Options that change nothing here. */
  ignore(...keys: readonly string[]): void;
  /** An option that only one value of is understood; absent counts as that value. */
  only(key: string, value: unknown): void;
  /** Refuses a combination of options. */
  require(holds: boolean, what: string, expected: string | number, got: unknown): void;
  /** Refuses the options that nobody has asked for; keys that begin with `_` are notes. */
  finish(): void;
}

/** @param model names the model in errors: `[wan] num_layers must be = …` */
export function readConfig(model: string, json: unknown, className?: string): ConfigReader {
  const fail = (what: string, expected: string | number, got: unknown): never => {
    const shown = got === undefined ? 'nothing' : JSON.stringify(got);
    throw new TubeletError('BAD_CONFIG', model, `${what} must be = ${expected}, got ${shown}`);
  };
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    fail('config', 'a JSON object', json);
  const config = json as Json;
  const known = new Set<string>();
  const take = (key: string): unknown => {
    known.add(key);
    return config[key];
  };
  const { _class_name: named } = config;
  if (className !== undefined && named !== undefined && named !== className)
    fail('_class_name', className, named);

  const isWhole = (value: unknown, { least = 1, most }: Range): value is number =>
    Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
  const rangeText = ({ least = 1, most }: Range) => `a whole number from ${least} to ${most}`;
  const list = <T>(
    key: string,
    fallback: readonly T[],
    accepts: (v: unknown) => v is T,
    expected: string,
  ): readonly T[] => {
    const value = take(key) ?? fallback;
    if (!Array.isArray(value) || !value.every(accepts)) return fail(key, expected, value);
    return value;
  };

  return {
    integer(key, range) {
      const value = take(key) ?? range.default;
      return isWhole(value, range) ? value : fail(key, rangeText(range), value);
    },
    optionalInteger(key, range) {
      const value = take(key) ?? null;
      return value === null || isWhole(value, range)
        ? value
        : fail(key, `null or ${rangeText(range)}`, value);
    },
    integers(key, range) {
      const expected = `a list of ${range.length ?? 'at least one'}, each ${rangeText(range)}`;
      const value = list(key, range.default, (v): v is number => isWhole(v, range), expected);
      const good = range.length === undefined ? value.length > 0 : value.length === range.length;
      return good ? value : fail(key, expected, value);
    },
    nestedIntegers(key, lengths, range) {
      const value = take(key) ?? range.default;
      const given = Array.isArray(value) ? value : lengths.map(() => value);
      const parts = lengths.map((length, i) =>
        Array.isArray(given[i]) ? given[i] : Array(length).fill(given[i]),
      );
      const good =
        given.length === lengths.length &&
        parts.every(
          (part, i) => part.length === lengths[i] && part.every((v) => isWhole(v, range)),
        );
      const expected = `${rangeText(range)}, or a list of ${lengths.length}`;
      return good ? parts : fail(key, expected, value);
    },
    epsilon(key, fallback) {
      const value = take(key) ?? fallback;
      const good = typeof value === 'number' && value > 0 && value < 1;
      return good ? value : fail(key, 'a number between 0 and 1', value);
    },
    number(key, fallback) {
      const value = take(key) ?? fallback;
      return typeof value === 'number' && Number.isFinite(value)
        ? value
        : fail(key, 'a finite number', value);
    },
    numbers: (key, fallback) =>
      list(key, fallback, (v): v is number => Number.isFinite(v), 'a list of finite numbers'),
    flag(key, fallback) {
      const value = take(key) ?? fallback;
      return typeof value === 'boolean' ? value : fail(key, 'true or false', value);
    },
    flags: (key, fallback) =>
      list(key, fallback, (v): v is boolean => typeof v === 'boolean', 'a list of true and false'),
    word(key, words, fallback) {
      const given = take(key);
      const value = given === undefined ? fallback : given;
      const found = words.find((word) => word === value);
      return found === undefined ? fail(key, words.map(String).join(' or '), value) : found;
    },
    words: (key, words, fallback) =>
      list(
        key,
        fallback,
        (v): v is (typeof words)[number] => words.some((word) => word === v),
        `a list of ${words.join(', ')}`,
      ),
    given: (key) => config[key] ?? null,
    ignore: (...keys) => keys.forEach(take),
    only(key, value) {
      const given = take(key);
      if (given === undefined || JSON.stringify(given) === JSON.stringify(value)) return;
      fail(key, JSON.stringify(value), given);
    },
    require(holds, what, expected, got) {
      if (!holds) fail(what, expected, got);
    },
    finish() {
      const unknown = Object.keys(config).filter((key) => !known.has(key) && !key.startsWith('_'));
      if (unknown.length > 0) fail('options', 'those this model has', unknown.join(', '));
    },
  };
}
