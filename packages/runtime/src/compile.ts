import { type Graph, TubeletError } from '@tubelet/graph';
import {
  type Buffer,
  type Device,
  loadAddon,
  type Plan,
  type PlanExplanation,
  type Precision,
} from '@tubelet/native';
import { resolveWeights } from './resolve-weights.js';
import type { Weights } from './weights.js';

/** Buffers of one run, by the graph's names. A buffer may be larger than its tensor. */
export interface RunBuffers {
  readonly inputs: Readonly<Record<string, Buffer>>;
  /** None may be an input too, or a mapped file. */
  readonly outputs: Readonly<Record<string, Buffer>>;
}

/** How a run can be stopped. */
export interface RunOptions {
  /** Stops the run before its next node. */
  readonly signal?: AbortSignal;
}

/** A size for each of a graph's symbols, by name. */
export type Sizes = Readonly<Record<string, number>>;

/** How a graph is compiled. */
export interface CompileOptions {
  /**
   * The least precise arithmetic its matrices may be multiplied in.
   * @defaultValue `'f32'`
   */
  readonly precision?: Precision;
}

/** The time of one node of a profiled run. */
export interface NodeTime {
  readonly name: string;
  readonly op: string;
  /** Null for a view. */
  readonly kernel: string | null;
  readonly milliseconds: number;
}

/** A compiled graph on a device; the device closes it. */
export interface RuntimePlan {
  readonly graph: Graph;
  readonly capacity: Sizes;
  /** Bytes of intermediates; the plans of a device share one arena. */
  readonly arenaBytes: number;
  /** Bytes of weights in the kernels' layouts, shared by the plans that use the same stored bytes. */
  readonly packedBytes: number;
  /**
   * Runs once everything queued on the device before is done; needs no awaiting before the outputs'
   * `read` is called.
   *
   * @param sizes of each symbol, from 0 to its capacity
   * @throws TubeletError BAD_INPUT for missing, unknown or too small buffers and sizes above
   * capacity, ABORTED (`cause` is the signal's reason), DISPOSED
   */
  run(buffers: RunBuffers, sizes?: Sizes, options?: RunOptions): Promise<void>;
  /** As {@link RuntimePlan.run}; answers the time of every node. */
  profile(buffers: RunBuffers, sizes?: Sizes, options?: RunOptions): Promise<readonly NodeTime[]>;
  /** Which kernel runs each node, why others were refused, bytes and FLOPs, at capacity. */
  explain(): PlanExplanation;
  /** Runs already queued are still done. */
  dispose(): void;
  [Symbol.dispose](): void;
}

/**
 * Compiles a graph for a device: chooses kernels, packs weights, places every intermediate.
 *
 * @param weights what the graph's weights are found in; plans of one device and the same `weights`
 * share the packed ones
 * @param capacity the largest size of each of the graph's symbols
 * @throws TubeletError BAD_WEIGHT (see {@link resolveWeights}), BAD_INPUT, OUT_OF_MEMORY, IO, …
 */
export async function compile(
  device: Device,
  graph: Graph,
  weights: Weights,
  capacity: Sizes = {},
  { precision }: CompileOptions = {},
): Promise<RuntimePlan> {
  const sizes = inOrder('capacity', graph.symbols, capacity);
  const resolved = resolveWeights(graph, weights);
  const parts = await Promise.all(
    resolved.map((list) =>
      Promise.all(
        list.map(async ({ store, offset, dtype, elements }) => {
          return { buffer: await store.bufferOn(device), offset, dtype, elements };
        }),
      ),
    ),
  );
  const { Graph } = loadAddon();
  const parsed = new Graph(graph.bytes);
  try {
    return runtimePlan(await device.compile(parsed, parts, sizes, precision), graph, {
      ...capacity,
    });
  } finally {
    parsed.dispose();
  }
}

/**
 * What {@link compile} would make of a graph, without weights: kernels, arena, FLOPs. Nothing is packed;
 * `packedBytes` counts the weights that kernels want in layouts of their own.
 *
 * @throws TubeletError BAD_INPUT, OUT_OF_MEMORY, UNSUPPORTED
 */
export async function previewPlan(
  device: Device,
  graph: Graph,
  capacity: Sizes = {},
  { precision }: CompileOptions = {},
): Promise<PlanExplanation> {
  const sizes = inOrder('capacity', graph.symbols, capacity);
  const { Graph } = loadAddon();
  const parsed = new Graph(graph.bytes);
  try {
    return JSON.parse(await device.preview(parsed, sizes, precision));
  } finally {
    parsed.dispose();
  }
}

function runtimePlan(plan: Plan, graph: Graph, capacity: Sizes): RuntimePlan {
  const inputs = graph.inputs.map(({ name }) => name);
  const outputs = graph.outputs.map(({ name }) => name);
  const ordered = (buffers: RunBuffers, sizes: Sizes) =>
    [
      inOrder('inputs', inputs, buffers.inputs),
      inOrder('outputs', outputs, buffers.outputs),
      inOrder('sizes', graph.symbols, sizes),
    ] as const;
  const explain = (): PlanExplanation => JSON.parse(plan.explain());
  return {
    graph,
    capacity,
    get arenaBytes() {
      return plan.arenaBytes;
    },
    get packedBytes() {
      return plan.packedBytes;
    },
    run: (buffers, sizes = {}, { signal } = {}) =>
      cancellable(signal, (cancel) => plan.run(...ordered(buffers, sizes), cancel)),
    async profile(buffers, sizes = {}, { signal } = {}) {
      const times = await cancellable(signal, (cancel) =>
        plan.profile(...ordered(buffers, sizes), cancel),
      );
      return explain().nodes.map(({ name, op, kernel }, i) => {
        return { name, op, kernel, milliseconds: times[i] };
      });
    },
    explain,
    dispose: () => plan.dispose(),
    [Symbol.dispose]: () => plan.dispose(),
  };
}

/** Work that a signal stops, through the flag that the addon looks at between nodes. */
async function cancellable<Result>(
  signal: AbortSignal | undefined,
  work: (cancel?: Int32Array) => Promise<Result>,
): Promise<Result> {
  if (!signal) return work();
  if (signal.aborted) throw aborted(signal);
  const cancel = new Int32Array(new SharedArrayBuffer(4));
  const stop = () => Atomics.store(cancel, 0, 1);
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await work(cancel);
  } catch (error) {
    const isStopped = TubeletError.isInstance(error) && error.code === 'ABORTED';
    throw isStopped ? aborted(signal) : error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Values by name in the order of `names`: none missing, none unknown. */
function inOrder<Value>(
  what: string,
  names: readonly string[],
  values: Readonly<Record<string, Value>>,
): Value[] {
  const given = Object.keys(values);
  const isSame =
    given.length === names.length && names.every((name) => Object.hasOwn(values, name));
  if (isSame) return names.map((name) => values[name]);
  const list = (items: readonly string[]) => (items.length > 0 ? items.join(', ') : 'none');
  const message = `${what} must be = ${list(names)}, got ${list(given)}`;
  throw new TubeletError('BAD_INPUT', 'plan', message);
}

function aborted(signal: AbortSignal): TubeletError {
  return new TubeletError('ABORTED', 'plan', 'run must be = finished, got aborted', {
    cause: signal.reason,
  });
}
