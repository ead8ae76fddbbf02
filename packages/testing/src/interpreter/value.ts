/** A tensor of the interpreter: row-major, no strides, in double. */
export interface Value {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** What one op is given: its attributes and the sizes of its output. */
export interface Call {
  /** In the op's order; an optional one that is absent is undefined. */
  readonly inputs: readonly Value[];
  readonly attributes: Readonly<Record<string, number | string | boolean>>;
  readonly shape: readonly number[];
}

/** The reference of one op: the data of its output. */
export type Reference = (call: Call) => Float64Array;

export function product(sizes: readonly number[]): number {
  return sizes.reduce((all, size) => all * size, 1);
}

/** Visits every index of a shape, row-major. */
export function eachIndex(
  shape: readonly number[],
  visit: (index: readonly number[], i: number) => void,
): void {
  const index = shape.map(() => 0);
  const count = product(shape);
  for (let i = 0; i < count; i++) {
    visit(index, i);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]++;
      if (index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
}

/** An output filled from each element's index along every axis. */
export function fill(shape: readonly number[], at: (...index: number[]) => number): Float64Array {
  const out = new Float64Array(product(shape));
  eachIndex(shape, (index, i) => {
    out[i] = at(...index);
  });
  return out;
}

const errorFunctionTerms = 60;

/** erf by its Taylor series near 0 and by its continued fraction elsewhere: full double precision. */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  if (a > 2.5) {
    let fraction = 0;
    for (let k = errorFunctionTerms; k >= 1; k--) fraction = k / 2 / (a + fraction);
    return Math.sign(x) * (1 - Math.exp(-a * a) / (Math.sqrt(Math.PI) * (a + fraction)));
  }
  let term = a;
  let sum = a;
  for (let k = 1; k < errorFunctionTerms; k++) {
    term *= (-a * a) / k;
    sum += term / (2 * k + 1);
  }
  return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
}

/** The elementwise functions by their names. */
export const functions: Readonly<Record<string, (x: number) => number>> = {
  none: (x) => x,
  gelu_tanh: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  gelu_erf: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  quick_gelu: (x) => x / (1 + Math.exp(-1.702 * x)),
  silu: (x) => x / (1 + Math.exp(-x)),
  relu: (x) => Math.max(x, 0),
  tanh: Math.tanh,
};
