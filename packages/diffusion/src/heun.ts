/** Calls of Heun's method: one at the first point, then two at every other, the second of which begins the next step. */
export function doubled(values: readonly number[]): number[] {
  return values.flatMap((value, i) => (i === 0 ? [value] : [value, value]));
}

/** The ends of the step that a call of Heun's method belongs to. */
export interface HeunCall {
  readonly index: number;
  /** The first call of a step goes all the way by its own slope, the second once more by the mean of both. */
  readonly isFirst: boolean;
  readonly sigma: number;
  readonly next: number;
}

/**
 * The calls from `begin` on, for sigmas listed once per call with the last one at the end. A run begins with a first
 * call wherever it begins: `begin` should be even.
 */
export function heunCalls(sigmas: readonly number[], begin: number): HeunCall[] {
  return sigmas.slice(begin, -1).map((_, i) => {
    const index = begin + i;
    const isFirst = i % 2 === 0;
    const first = isFirst ? index : index - 1;
    return { index, isFirst, sigma: sigmas[first], next: sigmas[first + 1] };
  });
}
