import type { Graph } from '@tubelet/graph';
import type { FixtureTensor } from './safetensors-fixture.js';

/**
 * Runs a graph once: on the addon, or by the interpreter.
 *
 * @param weights the checkpoint's tensors
 * @param inputs by name, i32 ones as whole numbers
 * @param sizes of the graph's symbols
 * @returns outputs by name
 */
export type RunGraph = (
  graph: Graph,
  weights: ReadonlyMap<string, FixtureTensor>,
  inputs: Readonly<Record<string, ArrayLike<number>>>,
  sizes: Readonly<Record<string, number>>,
) => Promise<ReadonlyMap<string, Float64Array | Float32Array>>;
