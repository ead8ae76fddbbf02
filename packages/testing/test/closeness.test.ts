import { compare, toleranceOf, worstOf } from '@tubelet/testing';
import { expect, test } from 'vitest';

const tensor = (...values: number[]) => ({
  shape: [values.length],
  values: Float64Array.from(values),
});

test('tolerance is ten times the original’s loss, and never below a millionth of the largest value', () => {
  const notes = { float32_max_abs_error: { 'output.a': 3e-6, 'output.b': 0 } };
  expect(toleranceOf(notes, 'output.a', tensor(-1, 2))).toBeCloseTo(3e-5, 12);
  expect(toleranceOf(notes, 'output.b', tensor(-50, 2))).toBeCloseTo(5e-5, 12);
  expect(toleranceOf(notes, 'mid.c', tensor(4))).toBeCloseTo(1.2e-4, 12);
  expect(toleranceOf({ float32_max_relative_error: 1e-6 }, 'x', tensor(20))).toBeCloseTo(2e-4, 12);
  expect(toleranceOf({}, 'x', tensor(0.5))).toBeCloseTo(5e-7, 12);
});

test('another size and what is not a number are infinitely wrong', () => {
  expect(compare({}, 'x', [1, 2], tensor(1, 2.5)).error).toBe(0.5);
  expect(compare({}, 'x', [1], tensor(1, 2)).error).toBe(Number.POSITIVE_INFINITY);
  expect(compare({}, 'x', [1, 2, 3], tensor(1, 2)).error).toBe(Number.POSITIVE_INFINITY);
  expect(compare({}, 'x', [Number.NaN], tensor(1)).error).toBe(Number.POSITIVE_INFINITY);
});

test('the tensor that uses most of its tolerance speaks for the case', () => {
  const good = { name: 'good', error: 3, tolerance: 10 };
  expect(worstOf([{ name: 'better', error: 4, tolerance: 20 }, good])).toEqual({
    maxError: 3,
    tolerance: 10,
  });
  const bad = { name: 'bad', error: 2, tolerance: 1 };
  expect(worstOf([good, bad])).toEqual({
    maxError: 2,
    tolerance: 1,
    reason: 'bad must be = within 1, got 2',
  });
  expect(() => worstOf([])).toThrow('at least one');
});
