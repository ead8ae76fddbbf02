import type { Graph } from '@tubelet/graph';
import type { FixtureTensor } from './safetensors-fixture.js';

/** Numbers in [-1, 1) that depend on the name alone, float32. */
export function randomValues(name: string, count: number): Float64Array {
  let state = 2166136261;
  for (const letter of name) state = Math.imul(state ^ letter.charCodeAt(0), 16777619);
  return Float64Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >> 8) / 2 ** 23;
  });
}

/**
 * Weights for some graphs under the checkpoint's names, such that activations stay near 1: matrices have a deviation of
 * about 1/√inputs, vectors of norms lie around 1.
 */
export function randomWeights(graphs: readonly Graph[]): Map<string, FixtureTensor> {
  const sources = graphs.flatMap((graph) => graph.weights.flatMap((request) => request.sources));
  return new Map(
    sources.map(({ names: [name], shape }) => {
      const count = shape.reduce((product, size) => product * size, 1);
      const isNorm = /norm.*\.(weight|gamma)$/.test(name);
      const [rows = 1] = shape;
      const scale = isNorm ? 0.25 : Math.sqrt((3 * rows) / count);
      const values = randomValues(name, count).map((value) =>
        Math.fround(value * Math.min(scale, 1) + (isNorm ? 1 : 0)),
      );
      return [name, { shape, values }];
    }),
  );
}
