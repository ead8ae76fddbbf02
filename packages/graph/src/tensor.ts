import type { GraphBuilder } from './builder.js';
import type { DType } from './dtype.js';
import type { Shape } from './shape.js';

/** Kinds in wire order. */
export const tensorKinds = ['intermediate', 'input', 'weight', 'constant'] as const;

/** Where a tensor's values come from. */
export type TensorKind = (typeof tensorKinds)[number];

/** A handle to a value of the graph being built: what it is, never where its bytes are. */
export interface Tensor {
  readonly id: number;
  readonly name: string;
  readonly kind: TensorKind;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly builder: GraphBuilder;
}

/** One stored tensor that a weight is made of. */
export interface WeightSource {
  /** Names it may have in the checkpoint; the first that is there is taken. */
  readonly names: readonly string[];
  /** Shape in the checkpoint; its elements are taken in order whatever the weight's own shape is. */
  readonly shape: readonly number[];
  /** Only rows `[start, end)` of the stored tensor's first axis. */
  readonly rows?: readonly [number, number];
}

/** A weight as the graph wants it: its sources one after another along axis 0. */
export interface WeightRequest {
  readonly name: string;
  readonly shape: readonly number[];
  readonly sources: readonly WeightSource[];
}
