import { type Graph, TubeletError, type WeightSource } from '@tubelet/graph';
import { weightDTypes } from './stored-dtype.js';
import { listNames, type StoredTensor, type Weights } from './weights.js';

/** How weights differ from those that some graphs ask for; all lists are empty where they fit. */
export interface WeightFaults {
  /** `name`, or `name or other name`. */
  readonly missing: readonly string[];
  /** `name [4] instead of [2, 2]` */
  readonly misshapen: readonly string[];
  /** `name I64`: a data type that cannot be a weight. */
  readonly mistyped: readonly string[];
  /** Of no graph: a sign that a checkpoint is of another model. */
  readonly unused: readonly string[];
}

/** What weights are compared with. */
export interface WeightRules {
  /** Names, or patterns of names, that may be unused; absent: any may be. */
  readonly ignore?: readonly (string | RegExp)[];
}

/**
 * Compares by the files' headers alone: nothing is read and nothing is loaded.
 *
 * @param graphs all that share these weights
 */
export function compareWeights(
  graphs: readonly Graph[],
  weights: Weights,
  { ignore }: WeightRules = {},
): WeightFaults {
  const missing = new Set<string>();
  const misshapen = new Set<string>();
  const mistyped = new Set<string>();
  const used = new Set<string>();
  for (const source of sourcesOf(graphs)) {
    const tensor = findTensor(source, weights);
    if (!tensor) {
      missing.add(source.names.join(' or '));
      continue;
    }
    const { name, shape, dtype } = tensor;
    used.add(name);
    if (!sameSizes(shape, source.shape))
      misshapen.add(`${name} [${shape.join(', ')}] instead of [${source.shape.join(', ')}]`);
    else if (!weightDTypes[dtype]) mistyped.add(`${name} ${dtype}`);
  }
  const isIgnored = (name: string) =>
    !ignore || ignore.some((rule) => (typeof rule === 'string' ? rule === name : rule.test(name)));
  return {
    missing: [...missing],
    misshapen: [...misshapen],
    mistyped: [...mistyped],
    unused: [...weights.tensors.keys()].filter((name) => !used.has(name) && !isIgnored(name)),
  };
}

/**
 * Refuses weights that differ, so that a checkpoint that does not fit costs nothing.
 *
 * @throws TubeletError BAD_WEIGHT that lists the first ten of each fault, how many there are, and what was expected
 */
export function requireWeights(
  graphs: readonly Graph[],
  weights: Weights,
  rules: WeightRules = {},
): void {
  const found = describeFaults(compareWeights(graphs, weights, rules));
  if (found === '') return;
  const names = graphs.map(({ name }) => name).join(' and ');
  const count = new Set([...sourcesOf(graphs)].map((source) => source.names[0])).size;
  const message = `tensors of ${weights.name} must be = the ${count} of ${names}, got ${found}`;
  throw new TubeletError('BAD_WEIGHT', 'weights', message);
}

/** `2 missing: a, b; 1 unused: c`, or nothing; of each the first ten. */
export function describeFaults({ missing, misshapen, mistyped, unused }: WeightFaults): string {
  return [
    describe(missing, 'missing'),
    describe(misshapen, 'misshapen'),
    describe(mistyped, 'not F32, F16 or BF16'),
    describe(unused, 'unused'),
  ]
    .filter((text) => text !== '')
    .join('; ');
}

export function findTensor(source: WeightSource, weights: Weights): StoredTensor | undefined {
  const name = source.names.find((candidate) => weights.tensors.has(candidate));
  return name === undefined ? undefined : weights.tensors.get(name);
}

function sourcesOf(graphs: readonly Graph[]): readonly WeightSource[] {
  return graphs.flatMap((graph) => graph.weights).flatMap((request) => request.sources);
}

function sameSizes(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

function describe(names: readonly string[], what: string): string {
  return names.length === 0 ? '' : `${names.length} ${what}: ${listNames(names)}`;
}
