import { check } from './error.js';

/** What an attribute may be. */
export type AttributeValue = number | string | boolean;

/** One attribute of an op: its type for people and for TypeScript, and its default if it has one. */
export interface Attribute<Value extends AttributeValue = AttributeValue> {
  /** `integer`, `number`, `flag`, or the choices joined by `|`; the addon's words. */
  readonly type: string;
  readonly default: Value | undefined;
  accepts(value: AttributeValue): value is Value;
}

export interface RequiredAttribute<Value extends AttributeValue> extends Attribute<Value> {
  readonly default: undefined;
}

export interface OptionalAttribute<Value extends AttributeValue> extends Attribute<Value> {
  readonly default: Value;
}

/** A whole number from 0. */
export function integer(): RequiredAttribute<number>;
export function integer(value: number): OptionalAttribute<number>;
export function integer(value?: number): Attribute<number> {
  const accepts = (v: AttributeValue): v is number => Number.isSafeInteger(v) && Number(v) >= 0;
  return { type: 'integer', default: value, accepts };
}

/** A finite number. */
export function number(): RequiredAttribute<number>;
export function number(value: number): OptionalAttribute<number>;
export function number(value?: number): Attribute<number> {
  const accepts = (v: AttributeValue): v is number => Number.isFinite(v);
  return { type: 'number', default: value, accepts };
}

/** True or false; 1 or 0 on the wire. */
export function flag(value: boolean): OptionalAttribute<boolean> {
  const accepts = (v: AttributeValue): v is boolean => typeof v === 'boolean';
  return { type: 'flag', default: value, accepts };
}

/** One of a few words. */
export function choice<const Word extends string>(words: readonly Word[]): RequiredAttribute<Word>;
export function choice<const Word extends string>(
  words: readonly Word[],
  value: NoInfer<Word>,
): OptionalAttribute<Word>;
export function choice<Word extends string>(words: readonly Word[], value?: Word): Attribute<Word> {
  const accepts = (v: AttributeValue): v is Word => words.some((word) => word === v);
  return { type: words.join('|'), default: value, accepts };
}

export type Attributes = Readonly<Record<string, Attribute>>;

type ValueOf<A> = A extends Attribute<infer Value> ? Value : never;
type RequiredKeys<A extends Attributes> = {
  [K in keyof A]: A[K]['default'] extends undefined ? K : never;
}[keyof A];

/** What a caller gives for these attributes: those with a default may be left out. */
export type AttributeOptions<A extends Attributes> = {
  readonly [K in RequiredKeys<A>]: ValueOf<A[K]>;
} & { readonly [K in Exclude<keyof A, RequiredKeys<A>>]?: ValueOf<A[K]> };

/** All attributes with defaults filled in. */
export type AttributeValues<A extends Attributes> = { readonly [K in keyof A]: ValueOf<A[K]> };

/** Fills in the defaults; refuses wrong, missing and unknown attributes. */
export function resolveAttributes<A extends Attributes>(
  op: string,
  attributes: A,
  options: AttributeOptions<A>,
): AttributeValues<A> {
  const given: Readonly<Record<string, AttributeValue | undefined>> = options;
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(attributes, name));
  if (unknown !== undefined) {
    check(false, 'BAD_ATTRIBUTE', op, 'attribute', Object.keys(attributes).join(', '), unknown);
  }
  const values = Object.entries(attributes).map(([name, attribute]) => {
    const value = given[name] ?? attribute.default;
    const good = value !== undefined && attribute.accepts(value);
    check(good, 'BAD_ATTRIBUTE', op, `attribute ${name}`, attribute.type, String(value));
    return [name, value];
  });
  return Object.fromEntries(values) as AttributeValues<A>;
}
