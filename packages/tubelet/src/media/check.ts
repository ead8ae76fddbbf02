import { TubeletError } from '../errors.js';

/** Throws `[op] what must be = expected, got actual` unless `holds`. */
export function check(
  holds: boolean,
  op: string,
  what: string,
  expected: string | number,
  got: unknown,
): asserts holds {
  if (!holds) throw new TubeletError('BAD_INPUT', op, `${what} must be = ${expected}, got ${got}`);
}

/** Throws unless `value` is a whole number from `low` to `high`. */
export function checkWhole(op: string, what: string, value: number, low: number, high: number) {
  const holds = Number.isInteger(value) && value >= low && value <= high;
  check(holds, op, what, `a whole number from ${low} to ${high}`, value);
}
