import type { FixtureTensor } from '../safetensors-fixture.js';

/** What a golden's config says about itself. */
export type GoldenNotes = Readonly<Record<string, unknown>>;

/** One tensor beside its golden. */
export interface Comparison {
  readonly name: string;
  readonly error: number;
  readonly tolerance: number;
}

/** What a golden case comes to: its worst tensor. */
export interface Closeness {
  readonly maxError: number;
  readonly tolerance: number;
  /** Which tensor is too far off, where one is. */
  readonly reason?: string;
}

/** The names under which goldens state what the original itself loses in float32. */
const lossNames = [
  'float32_max_abs_error',
  'float32_max_absolute_error',
  'float32_max_relative_error',
  'max_abs_difference_from_float64',
];

/**
 * Tolerance of a float32 run: the larger of ten times what the original itself loses in float32 and 1e-6 times the
 * largest value of the reference. A tensor without a stated loss, inside a model, has the largest
 * stated one in proportion to its values.
 */
export function toleranceOf(notes: GoldenNotes, name: string, reference: FixtureTensor): number {
  const largest = reference.values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const losses = lossNames.map((lossName) => {
    const stated = notes[lossName];
    const scale = lossName.includes('relative') ? largest : 1;
    if (typeof stated === 'number') return scale * stated;
    if (typeof stated !== 'object' || stated === null) return 0;
    const each = stated as Readonly<Record<string, number>>;
    return scale * (each[name] ?? Math.max(0, ...Object.values(each)) * Math.max(1, largest));
  });
  return Math.max(10 * Math.max(...losses), 1e-6 * largest);
}

/** The largest difference of one tensor; infinite where it has another size or something is not a number. */
export function compare(
  notes: GoldenNotes,
  name: string,
  got: ArrayLike<number>,
  reference: FixtureTensor,
): Comparison {
  let error = got.length === reference.values.length ? 0 : Number.POSITIVE_INFINITY;
  reference.values.forEach((value, i) => {
    const difference = Math.abs(got[i] - value);
    error = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(error, difference);
  });
  return { name, error, tolerance: toleranceOf(notes, name, reference) };
}

/** The tensor that uses most of its tolerance speaks for the case. */
export function worstOf(comparisons: readonly Comparison[]): Closeness {
  const [worst] = comparisons.toSorted((a, b) => b.error / b.tolerance - a.error / a.tolerance);
  if (!worst) throw new Error('outputs must be = at least one, got none');
  const { name, error, tolerance } = worst;
  const far =
    error > tolerance ? { reason: `${name} must be = within ${tolerance}, got ${error}` } : {};
  return { maxError: error, tolerance, ...far };
}
