import type { Graph } from '@tubelet/graph';

/** Values of the stored tensors that a graph's weights are made of, each counted once. */
export function countParameters({ weights }: Graph): number {
  const stored = new Map<string, number>();
  for (const { names, shape } of weights.flatMap(({ sources }) => sources))
    stored.set(
      names[0],
      shape.reduce((product, size) => product * size, 1),
    );
  return [...stored.values()].reduce((sum, elements) => sum + elements, 0);
}
