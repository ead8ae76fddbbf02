import type { OriginalNames } from '@tubelet/models';
import {
  type CompileOptions,
  type Device,
  growingPlan,
  lowRankBranches,
  type RuntimePlan,
  splitPlan,
  type Weights,
} from '@tubelet/runtime';
import type { LatentMath } from './latents.js';
import { type Lora, readLoras } from './lora.js';
import { loraSets } from './lora-sets.js';
import {
  type ModelCalls,
  type PreparedInputs,
  prepareCalls,
  type SplitCalls,
} from './model-calls.js';
import { splitCalls } from './split-calls.js';

/** A transformer on a device. Its weights are packed once; smaller runs take the plan of the largest so far. */
export interface Transformer {
  /** The calls of a request. */
  prepare(inputs: PreparedInputs): Promise<ModelCalls>;
  /** The same in three parts; undefined of a model that has none: one of one block, or without repeated ones. */
  split(): ((inputs: PreparedInputs) => SplitCalls) | undefined;
  /**
   * Lends the transformer with LoRAs to some work.
   *
   * @throws TubeletError IO, BAD_WEIGHT, OUT_OF_MEMORY
   */
  withLoras<Result>(
    loras: readonly Lora[],
    work: (transformer: Pick<Transformer, 'prepare' | 'split'>) => Promise<Result>,
  ): Promise<Result>;
}

type Graph = RuntimePlan['graph'];

/** @param graph whose inputs are `latents`, `timestep` and what a request prepares, and whose output is `prediction` */
export function transformerOn(
  device: Device,
  math: LatentMath,
  graph: Graph,
  weights: Weights,
  { originals, ...options }: CompileOptions & { readonly originals?: OriginalNames | undefined },
): Transformer {
  const whole = plansOf(device, math, graph, weights, options);
  const sets = loraSets(async (loras) => {
    const changed = await lowRankBranches(
      graph,
      weights,
      await readLoras(weights, loras, originals),
    );
    return plansOf(device, math, changed.graph, changed.weights, options);
  }, disposeOf);
  return {
    ...whole,
    withLoras: (loras, work) => (loras.length === 0 ? work(whole) : sets.lend(loras, work)),
  };
}

function disposeOf(made: { dispose(): void }): void {
  made.dispose();
}

function plansOf(
  device: Device,
  math: LatentMath,
  graph: Graph,
  weights: Weights,
  options: CompileOptions,
) {
  const plan = growingPlan(device, graph, weights, options);
  let parts: ReturnType<typeof splitPlan> | null = null;
  let split: ReturnType<Transformer['split']>;
  return {
    prepare: (inputs: PreparedInputs) => prepareCalls(plan, inputs),
    split() {
      if (parts !== null) return split;
      parts = splitPlan(device, graph, weights, options);
      split = parts && splitCalls(device, math, parts);
      return split;
    },
    dispose() {
      plan.dispose();
      parts?.dispose();
    },
  };
}
