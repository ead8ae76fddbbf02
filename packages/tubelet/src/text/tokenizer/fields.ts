import { TubeletError } from '../../errors.js';

/** One JSON object of a tokenizer's files, read field by field with errors that say where it is. */
export interface Fields {
  /** Path of the object inside its file, for messages. */
  readonly where: string;
  has(name: string): boolean;
  text(name: string, fallback?: string): string;
  /** A text, or undefined where the field is absent or null. */
  optionalText(name: string): string | undefined;
  flag(name: string, fallback?: boolean): boolean;
  /** A whole number from 0. */
  count(name: string, fallback?: number): number;
  list(name: string): unknown[];
  /** An object, or undefined where the field is absent or null. */
  object(name: string): Fields | undefined;
  objects(name: string): Fields[];
  /** Own fields and their values, as they stand. */
  entries(): [string, unknown][];
  value(name: string): unknown;
}

/** The error of a file that is not what tokenizers write. */
export function malformed(what: string, expected: string, actual: unknown): TubeletError {
  const shown = JSON.stringify(actual) ?? String(actual);
  const short = shown.length > 80 ? `${shown.slice(0, 77)}...` : shown;
  return new TubeletError('BAD_CONFIG', 'tokenizer', `${what} must be = ${expected}, got ${short}`);
}

/**
 * Builds a part of the tokenizer by its type.
 * @throws TubeletError for a type that is not in `kinds`
 */
export function ofKind<T>(
  kinds: Readonly<Record<string, (config: Fields) => T>>,
  config: Fields,
  type: string = config.text('type'),
): T {
  const make = Object.hasOwn(kinds, type) ? kinds[type] : undefined;
  if (make !== undefined) return make(config);
  throw new TubeletError(
    'UNSUPPORTED',
    'tokenizer',
    `${config.where}.type must be = one of ${Object.keys(kinds).join(', ')}, got ${JSON.stringify(type)}`,
  );
}

/** @throws TubeletError when `value` is no JSON object. */
export function fieldsOf(value: unknown, where: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw malformed(where, 'an object', value);
  }
  const object = value as Readonly<Record<string, unknown>>;
  const get = (name: string): unknown => (Object.hasOwn(object, name) ? object[name] : undefined);
  const typed = <T>(
    name: string,
    expected: string,
    fallback: T | undefined,
    is: (value: unknown) => value is T,
  ): T => {
    const found = get(name) ?? fallback;
    if (!is(found)) throw malformed(`${where}.${name}`, expected, found);
    return found;
  };
  const isText = (value: unknown): value is string => typeof value === 'string';
  const isCount = (value: unknown): value is number =>
    Number.isSafeInteger(value) && (value as number) >= 0;
  const isFlag = (value: unknown): value is boolean => typeof value === 'boolean';
  const list = (name: string): unknown[] => typed(name, 'a list', undefined, Array.isArray);
  return {
    where,
    has: (name) => get(name) !== undefined && get(name) !== null,
    text: (name, fallback) => typed(name, 'a text', fallback, isText),
    optionalText: (name) => (get(name) == null ? undefined : typed(name, 'a text', '', isText)),
    flag: (name, fallback) => typed(name, 'true or false', fallback, isFlag),
    count: (name, fallback) => typed(name, 'a whole number', fallback, isCount),
    list,
    object: (name) => (get(name) == null ? undefined : fieldsOf(get(name), `${where}.${name}`)),
    objects: (name) => list(name).map((item, i) => fieldsOf(item, `${where}.${name}[${i}]`)),
    entries: () => Object.entries(object),
    value: get,
  };
}
