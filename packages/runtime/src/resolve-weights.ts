import type { Graph, WeightSource } from '@tubelet/graph';
import type { DType } from '@tubelet/native';
import { findTensor, requireWeights } from './compare-weights.js';
import { weightDTypes } from './stored-dtype.js';
import type { WeightStore, Weights } from './weights.js';

/** A stored piece of a weight: whole rows of it. */
export interface ResolvedPart {
  readonly store: WeightStore;
  /** Bytes from the start of the store. */
  readonly offset: number;
  readonly dtype: DType;
  readonly elements: number;
}

/**
 * Finds what each weight of a graph is made of. Nothing is read and nothing is loaded, so that a
 * checkpoint that does not fit is refused before it costs anything.
 *
 * @returns the parts of each weight, in the graph's order
 * @throws TubeletError BAD_WEIGHT (see {@link requireWeights}); other weights may be there
 */
export function resolveWeights(
  graph: Graph,
  weights: Weights,
): readonly (readonly ResolvedPart[])[] {
  requireWeights([graph], weights);
  return graph.weights.map((request) => request.sources.map((source) => partOf(source, weights)));
}

function partOf(source: WeightSource, weights: Weights): ResolvedPart {
  const { shape, store, dtype, elements, bytes, offset } = findTensor(source, weights)!;
  const count = shape[0] ?? 1;
  const [start, end] = source.rows ?? [0, count];
  return {
    store,
    offset: offset + (start * bytes) / count,
    dtype: weightDTypes[dtype]!,
    elements: ((end - start) * elements) / count,
  };
}
