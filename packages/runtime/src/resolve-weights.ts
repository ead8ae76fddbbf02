import { type Graph, TubeletError, type WeightSource } from '@tubelet/graph';
import type { DType } from '@tubelet/native';
import { weightDTypes } from './stored-dtype.js';
import { listNames, type StoredTensor, type WeightStore, type Weights } from './weights.js';

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
 * @throws TubeletError BAD_WEIGHT that lists the tensors which are missing, misshapen or of a data
 * type that cannot be a weight: the first ten of each and how many more there are
 */
export function resolveWeights(
  graph: Graph,
  weights: Weights,
): readonly (readonly ResolvedPart[])[] {
  const missing = new Set<string>();
  const misshapen = new Set<string>();
  const mistyped = new Set<string>();
  const resolve = (source: WeightSource): ResolvedPart[] => {
    const tensor = find(source, weights);
    if (!tensor) {
      missing.add(source.names.join(' or '));
      return [];
    }
    const { name, shape, store } = tensor;
    if (!sameSizes(shape, source.shape)) {
      misshapen.add(`${name} [${shape.join(', ')}] instead of [${source.shape.join(', ')}]`);
      return [];
    }
    const dtype = weightDTypes[tensor.dtype];
    if (!dtype) {
      mistyped.add(`${name} ${tensor.dtype}`);
      return [];
    }
    const [start, end] = source.rows ?? [0, shape[0] ?? 1];
    const rowElements = tensor.elements / (shape[0] ?? 1);
    const rowBytes = tensor.bytes / (shape[0] ?? 1);
    const offset = tensor.offset + start * rowBytes;
    return [{ store, offset, dtype, elements: (end - start) * rowElements }];
  };
  const parts = graph.weights.map((request) => request.sources.flatMap(resolve));

  const faults = [
    fault(missing, 'missing'),
    fault(misshapen, 'misshapen'),
    fault(mistyped, 'not F32, F16 or BF16'),
  ].filter((text) => text !== '');
  if (faults.length > 0) {
    const message = `tensors of ${weights.name} must be = those of graph ${graph.name}, got ${faults.join('; ')}`;
    throw new TubeletError('BAD_WEIGHT', 'weights', message);
  }
  return parts;
}

/**
 * Refuses weights that no graph uses: a sign that a checkpoint is of another model.
 *
 * @param graphs all the graphs that share these weights
 * @param ignore names, or patterns of names, that may be unused
 * @throws TubeletError BAD_WEIGHT
 */
export function requireAllUsed(
  graphs: readonly Graph[],
  weights: Weights,
  ignore: readonly (string | RegExp)[] = [],
): void {
  const sources = graphs.flatMap((graph) => graph.weights).flatMap((request) => request.sources);
  const used = new Set(sources.map((source) => find(source, weights)?.name));
  const isIgnored = (name: string) =>
    ignore.some((pattern) => (typeof pattern === 'string' ? pattern === name : pattern.test(name)));
  const unused = [...weights.tensors.keys()].filter((name) => !used.has(name) && !isIgnored(name));
  if (unused.length === 0) return;
  const message = `tensors of ${weights.name} must be = all used, got ${unused.length} unused: ${listNames(unused)}`;
  throw new TubeletError('BAD_WEIGHT', 'weights', message);
}

function find(source: WeightSource, weights: Weights): StoredTensor | undefined {
  const name = source.names.find((candidate) => weights.tensors.has(candidate));
  return name === undefined ? undefined : weights.tensors.get(name);
}

function sameSizes(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

function fault(names: ReadonlySet<string>, what: string): string {
  return names.size === 0 ? '' : `${names.size} ${what}: ${listNames([...names])}`;
}
