import type {
  Activation,
  GraphBuilder,
  Tensor,
  WeightOptions,
  WeightRequest,
} from '@tubelet/graph';
import { type LinearOptions, linear, TubeletError } from '@tubelet/graph';

/** The weights under one part of the checkpoint's names: `blocks.0.attn1`. */
export interface Weights {
  readonly g: GraphBuilder;
  /** The full name of one under this part. */
  name(name: string): string;
  at(part: string): Weights;
  /** Weights of a part; the nodes built inside carry its name. */
  within<T>(part: string, build: (w: Weights) => T): T;
  get(name: string, shape: readonly number[], options?: WeightOptions): Tensor;
}

/** All weights of a graph's checkpoint. */
export function weightsOf(g: GraphBuilder, prefix = ''): Weights {
  const name = (last: string) => (prefix === '' ? last : `${prefix}.${last}`);
  const at = (part: string) => weightsOf(g, name(part));
  return {
    g,
    name,
    at,
    within: (part, build) => g.scope(part, () => build(at(part))),
    get: (last, shape, options) => g.weight(name(last), shape, options),
  };
}

interface LayerOptions extends Omit<LinearOptions, 'bias' | 'activation'> {
  readonly activation?: Activation;
  /** Whether the layer has a bias; it has. */
  readonly bias?: boolean;
  /** Shape of the weight in the checkpoint, where a convolution does a linear layer's work. */
  readonly storedShape?: readonly number[];
}

/**
 * The linear layer of this name (`.weight`, `.bias`).
 *
 * @param x [T, K]
 * @returns [T, n]
 */
export function linearLayer(w: Weights, x: Tensor, n: number, options: LayerOptions = {}): Tensor {
  const { bias = true, storedShape, ...rest } = options;
  const weight = w.get('weight', [n, Number(x.shape[1])], storedShape ? { storedShape } : {});
  return linear(x, weight, { ...rest, bias: bias ? w.get('bias', [n]) : undefined });
}

/**
 * Several linear layers of the same input as one: their outputs side by side.
 *
 * @param x [T, K]
 * @param names of the layers; one may come twice
 * @param n columns of each
 * @returns [T, names.length·n]
 */
export function fusedLinear(
  w: Weights,
  x: Tensor,
  names: readonly string[],
  n: number,
  { bias = true }: { readonly bias?: boolean } = {},
): Tensor {
  const k = Number(x.shape[1]);
  const fused = (kind: string, shape: readonly number[]) =>
    w.get(`${names.join('+')}.${kind}`, [names.length * n, ...shape.slice(1)], {
      sources: names.map((name) => ({ names: [w.name(`${name}.${kind}`)], shape })),
    });
  return linear(x, fused('weight', [n, k]), { bias: bias ? fused('bias', [n]) : undefined });
}

/** What a checkpoint holds under a name. */
export interface StoredTensor {
  readonly shape: readonly number[];
}

/** How a checkpoint differs from what a model wants. */
export interface WeightDifferences {
  /** Wanted and not there. */
  readonly missing: readonly string[];
  /** There under another shape: `name: expected [4, 3], got [3, 4]`. */
  readonly misshapen: readonly string[];
  /** There and not wanted. */
  readonly unused: readonly string[];
}

/**
 * Compares a checkpoint with the weights of a model's graphs.
 *
 * @param wanted of all graphs the checkpoint serves
 * @param ignored names that may be there without use
 */
export function compareWeights(
  wanted: Iterable<WeightRequest>,
  stored: ReadonlyMap<string, StoredTensor>,
  ignored: RegExp = /^$/,
): WeightDifferences {
  const missing = new Set<string>();
  const misshapen = new Set<string>();
  const used = new Set<string>();
  for (const { names, shape } of [...wanted].flatMap((request) => request.sources)) {
    for (const name of names) used.add(name);
    const name = names.find((candidate) => stored.has(candidate));
    if (name === undefined) {
      missing.add(names.join(' or '));
      continue;
    }
    const got = stored.get(name)!.shape;
    const same = got.length === shape.length && got.every((size, axis) => size === shape[axis]);
    if (!same) misshapen.add(`${name}: expected [${shape.join(', ')}], got [${got.join(', ')}]`);
  }
  const unused = [...stored.keys()].filter((name) => !used.has(name) && !ignored.test(name));
  return { missing: [...missing], misshapen: [...misshapen], unused };
}

/** Throws unless a checkpoint fits: names the first ten of each kind and their number. */
export function requireWeights(model: string, differences: WeightDifferences): void {
  const parts = Object.entries(differences).flatMap(
    ([kind, names]: [string, readonly string[]]) => {
      if (names.length === 0) return [];
      const more = names.length > 10 ? `, and ${names.length - 10} more` : '';
      return [`${names.length} ${kind} (${names.slice(0, 10).join(', ')}${more})`];
    },
  );
  if (parts.length > 0) {
    throw new TubeletError(
      'BAD_WEIGHT',
      model,
      `weights must be = those of the config, got ${parts.join('; ')}`,
    );
  }
}
