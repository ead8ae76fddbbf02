import type { Graph } from '@tubelet/graph';
import type { Device } from '@tubelet/native';
import {
  type CompileOptions,
  compile,
  type RunBuffers,
  type RunOptions,
  type RuntimePlan,
  type Sizes,
} from './compile.js';
import type { Weights } from './weights.js';

/** A plan that is compiled again, larger, whenever more is asked of it; calls may overlap. */
export interface GrowingPlan {
  /** Compiles a plan that takes these sizes, where there is none yet. */
  reserve(sizes: Sizes): Promise<void>;
  run(buffers: RunBuffers, sizes: Sizes, options?: RunOptions): Promise<void>;
  /** Runs that are queued are still done; a later one compiles the plan again. */
  dispose(): void;
}

/** Nothing is compiled before the first `reserve` or `run`. */
export function growingPlan(
  device: Device,
  graph: Graph,
  weights: Weights,
  options?: CompileOptions,
): GrowingPlan {
  let plan: RuntimePlan | undefined;
  let growing: Promise<void> | undefined;

  const fits = (sizes: Sizes) =>
    graph.symbols.every((name) => plan!.capacity[name]! >= sizes[name]!);
  const grow = async (sizes: Sizes) => {
    const capacity = Object.fromEntries(
      graph.symbols.map((name) => [name, Math.max(sizes[name]!, plan?.capacity[name] ?? 1)]),
    );
    const larger = await compile(device, graph, weights, capacity, options);
    // Runs that are queued on the smaller plan are still done.
    plan?.dispose();
    plan = larger;
  };
  const reserve = async (sizes: Sizes) => {
    while (!plan || !fits(sizes)) {
      // Another call's growing may fail by its own size.
      if (growing) await growing.catch(() => undefined);
      else {
        growing = grow(sizes).finally(() => {
          growing = undefined;
        });
        await growing;
      }
    }
  };
  return {
    reserve,
    async run(buffers, sizes, options) {
      // Nothing may come between the check and the run: another call might dispose of the plan.
      while (!plan || !fits(sizes)) await reserve(sizes);
      await plan.run(buffers, sizes, options);
    },
    dispose() {
      plan?.dispose();
      plan = undefined;
    },
  };
}
