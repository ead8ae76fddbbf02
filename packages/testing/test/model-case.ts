import { type Graph, TubeletError } from '@tubelet/graph';
import { loadAddon } from '@tubelet/native';
import { interpret, onAddon, type RunGraph, randomValues, randomWeights } from '@tubelet/testing';
import { expect } from 'vitest';

/** A graph with its inputs and sizes; weights are made from their names. */
export interface Case {
  readonly graph: Graph;
  readonly inputs: Readonly<Record<string, ArrayLike<number>>>;
  readonly sizes: Readonly<Record<string, number>>;
}

export function run(by: RunGraph, { graph, inputs, sizes }: Case) {
  return by(graph, randomWeights([graph]), inputs, sizes);
}

/** Why there is no addon to compare with; empty where there is one. */
export const absentAddon = reasonOfAbsence();

function reasonOfAbsence(): string {
  try {
    loadAddon();
    return '';
  } catch (error) {
    if (!TubeletError.isInstance(error)) throw error;
    return error.message;
  }
}

/** Every output on the addon is the interpreter's in double precision, to `tolerance` of its largest value. */
export async function expectAgreement(given: Case, tolerance: number): Promise<void> {
  const [ours, reference] = [await run(onAddon, given), await run(interpret, given)];
  expect([...ours.keys()]).toEqual([...reference.keys()]);
  for (const [name, expected] of reference)
    expectClose(ours.get(name) ?? [], expected, { name, tolerance });
}

export function expectClose(
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  { name, tolerance }: { readonly name: string; readonly tolerance: number },
): void {
  const values = Array.from(expected);
  const largest = Math.max(...values.map(Math.abs));
  const error = Math.max(...values.map((value, i) => Math.abs(value - got[i])));
  expect(got.length, name).toBe(values.length);
  expect(largest, `${name} is not nothing`).toBeGreaterThan(1e-3);
  expect(error / largest, name).toBeLessThan(tolerance);
}

/** Random values for all inputs of a graph without symbols. */
export function plain(graph: Graph): Case {
  const inputs = graph.inputs.map(({ name, shape }) => {
    const count = shape.map(Number).reduce((product, size) => product * size, 1);
    return [name, randomValues(name, count)];
  });
  return { graph, inputs: Object.fromEntries(inputs), sizes: {} };
}

/** Data of clips one after another, each named after its clip, so that it is the same alone and packed. */
export function dataOf<Clip extends { readonly name: string }>(clips: readonly Clip[]) {
  return (what: string, count: (clip: Clip) => number, scale = 1) =>
    clips.flatMap((clip) =>
      [...randomValues(`${what} ${clip.name}`, count(clip))].map((value) => value * scale),
    );
}
