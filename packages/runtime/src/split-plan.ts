import type { Graph, Tensor } from '@tubelet/graph';
import { type SplitGraph, splitGraph } from '@tubelet/graph';
import type { Buffer, Device } from '@tubelet/native';
import type { CompileOptions, RunOptions, Sizes } from './compile.js';
import { growingPlan } from './growing-plan.js';
import type { Weights } from './weights.js';

type Buffers = Readonly<Record<string, Buffer>>;

/** A graph that is run in three parts, as {@link SplitGraph} has them; calls may overlap. */
export interface SplitPlan {
  /** Values of a token. */
  readonly width: number;
  /**
   * The buffers of one caller: what the parts hand on, among it `embedded`, `first` and `last`, the tokens before and after the
   * first block and after the last one, f32 [tokens, width].
   */
  carry(sizes: Sizes): Record<'embedded' | 'first' | 'last' | string, Buffer>;
  /** @param buffers the whole graph's inputs and outputs, and those of {@link SplitPlan.carry} */
  run(
    part: Exclude<keyof SplitGraph, 'carried'>,
    buffers: Buffers,
    sizes: Sizes,
    options?: RunOptions,
  ): Promise<void>;
  /** Runs that are queued are still done. */
  dispose(): void;
}

/**
 * Plans of a graph's three parts. They run the bytes of the whole and share its packed weights.
 *
 * @returns undefined of a graph that has no parts
 */
export function splitPlan(
  device: Device,
  graph: Graph,
  weights: Weights,
  options?: CompileOptions,
): SplitPlan | undefined {
  const split = splitGraph(graph);
  if (!split) return undefined;
  const { first, rest, last, carried } = split;
  const runner = (part: Graph) => {
    const plan = growingPlan(device, part, weights, options);
    const named = (names: readonly { readonly name: string }[], buffers: Buffers) =>
      Object.fromEntries(names.map(({ name }) => [name, buffers[name]]));
    const run = (buffers: Buffers, sizes: Sizes, options?: RunOptions) => {
      const given = { inputs: named(part.inputs, buffers), outputs: named(part.outputs, buffers) };
      const own = Object.fromEntries(part.symbols.map((name) => [name, sizes[name]]));
      return plan.run(given, own, options);
    };
    return { run, dispose: plan.dispose };
  };
  const runners = { first: runner(first), rest: runner(rest), last: runner(last) };
  const tokens = first.outputs[0].tensor;
  return {
    width: Number(tokens.shape[1]),
    carry(sizes) {
      const buffer = (tensor: Tensor) => device.allocate(4 * elementsOf(tensor, sizes));
      return {
        ...Object.fromEntries(carried.map((tensor) => [tensor.name, buffer(tensor)])),
        embedded: buffer(tokens),
        first: buffer(tokens),
        last: buffer(tokens),
      };
    },
    run: (part, buffers, sizes, options) => runners[part].run(buffers, sizes, options),
    dispose() {
      for (const { dispose } of Object.values(runners)) dispose();
    },
  };
}

function elementsOf({ shape }: Tensor, sizes: Sizes): number {
  return shape.reduce<number>(
    (product, dim) => product * (typeof dim === 'number' ? dim : sizes[dim.symbol]),
    1,
  );
}
