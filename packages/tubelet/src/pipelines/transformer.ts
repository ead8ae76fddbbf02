import {
  type CompileOptions,
  type Device,
  growingPlan,
  type RuntimePlan,
  splitPlan,
  type Weights,
} from '@tubelet/runtime';
import type { LatentMath } from './latents.js';
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
}

/** @param graph whose inputs are `latents`, `timestep` and what a request prepares, and whose output is `prediction` */
export function transformerOn(
  device: Device,
  math: LatentMath,
  graph: RuntimePlan['graph'],
  weights: Weights,
  options: CompileOptions,
): Transformer {
  const plan = growingPlan(device, graph, weights, options);
  let split: ReturnType<Transformer['split']> | null = null;
  return {
    prepare: (inputs) => prepareCalls(plan, inputs),
    split() {
      if (split !== null) return split;
      const parts = splitPlan(device, graph, weights, options);
      split = parts && splitCalls(device, math, parts);
      return split;
    },
  };
}
