import type { Activation, Graph, GraphBuilder, Tensor, WeightOptions } from '@tubelet/graph';
import { type LinearOptions, linear } from '@tubelet/graph';

/** The weights under one part of the checkpoint's names: `blocks.0.attn1`. */
export interface Weights {
  readonly g: GraphBuilder;
  /** The full name of one under this part. */
  name(name: string): string;
  /** All full names it may have. */
  names(name: string): readonly string[];
  at(part: string): Weights;
  /** Weights of a part; the nodes built inside carry its name. */
  within<T>(part: string, build: (w: Weights) => T): T;
  get(name: string, shape: readonly number[], options?: WeightOptions): Tensor;
}

/**
 * All weights of a graph's checkpoint.
 *
 * @param others prefixes that some files have in place of `prefix`
 */
export function weightsOf(g: GraphBuilder, prefix = '', others: readonly string[] = []): Weights {
  const prefixes = [prefix, ...others];
  const names = (last: string) =>
    prefixes.map((before) => (before === '' ? last : `${before}.${last}`));
  const name = (last: string) => names(last)[0];
  const at = (part: string) => weightsOf(g, name(part), names(part).slice(1));
  return {
    g,
    name,
    names,
    at,
    within: (part, build) => g.scope(part, () => build(at(part))),
    get: (last, shape, options = {}) =>
      g.weight(name(last), shape, {
        ...options,
        aliases: [...names(last).slice(1), ...(options.aliases ?? [])],
      }),
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
  { bias = true, storedShape }: Pick<LayerOptions, 'bias' | 'storedShape'> = {},
): Tensor {
  const k = Number(x.shape[1]);
  const fused = (kind: string, shape: readonly number[], stored = shape) =>
    w.get(`${names.join('+')}.${kind}`, [names.length * n, ...shape.slice(1)], {
      sources: names.map((name) => ({ names: w.names(`${name}.${kind}`), shape: stored })),
    });
  const weight = fused('weight', [n, k], storedShape);
  return linear(x, weight, { bias: bias ? fused('bias', [n]) : undefined });
}

/** What the checkpoint of a config holds: for refusing one of another model. */
export interface Checkpoint {
  /** Graphs that together use every tensor. */
  readonly graphs: readonly Graph[];
  /** Names of tensors that may be there without use. */
  readonly unused: readonly RegExp[];
}
