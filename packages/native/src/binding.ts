/** Data types in wire order. */
export type DType = 'f32' | 'f16' | 'bf16' | 'i32' | 'u8' | 'i8';

/** Instruction sets of a CPU device, from plain to wide. */
export type Isa = 'baseline' | 'avx2' | 'avx512' | 'avx512_bf16' | 'amx';

/**
 * The least precise arithmetic that a plan's kernels may multiply matrices in; sums, norms, softmax and residuals are
 * float32 always. Where a device has no kernel for it, the next more precise one runs: see `explain()`.
 */
export type Precision = 'f32' | 'bf16' | 'int8';

/**
 * The addon's whole surface; nothing else crosses.
 *
 * Every call checks its arguments. What it refuses is an Error with `code`, `op` and a message of the
 * form `[op] what must be = expected, got actual`, branded by `Symbol.for('tubelet.error')`; calls
 * that answer a promise reject with it, the others throw it. Once an object is disposed, every use of
 * it but another `dispose()` is a DISPOSED error.
 */
export interface Addon {
  readonly Device: new (options: DeviceOptions) => Device;
  readonly Graph: new (bytes: Uint8Array) => Graph;
  /** The table of ops. */
  ops(): OpDescription[];
  /** JSON: an array of {@link DeviceDescription}. */
  devices(): string;
}

/** Which device is opened, and how much of it is used. */
export interface DeviceOptions {
  readonly kind: 'cpu' | 'cuda';
  /** 1 to 1024; as many as the process may use. CPU only. */
  readonly threads?: number;
  /** Highest instruction set to use; the best there is. CPU only. */
  readonly isa?: Isa;
}

/**
 * A device and its thread. Work on it is a queue in call order: `write`, `run` and `read` need no
 * awaiting between them. Unsettled work keeps the process alive, an idle device does not.
 *
 * Owns everything made by it: disposing it closes its Buffers and Plans, rejects the work that waits
 * and stops the run in progress before its next node. Collected without `dispose`, it stays open for
 * as long as one of its Buffers, Plans or promises is in use.
 */
export interface Device {
  readonly kind: 'cpu' | 'cuda';
  readonly threads: number;
  /** A CPU's instruction set, or the architecture of a GPU, e.g. `sm_90`. */
  readonly isa: Isa | `sm_${number}`;
  /** Buffers, the arena and packed weights; mapped files are not counted. */
  readonly bytesInUse: number;
  /** @param bytes zeroed; may be 0 */
  allocate(bytes: number): Buffer;
  /** Maps a file read-only. It must not be made shorter while it is mapped. */
  map(path: string): Buffer;
  /**
   * @param weights the stored parts of each weight, in the graph's order; parts follow one another
   * along the weight's rows
   * @param capacity the largest size of each of the graph's symbols
   * @param precision `f32` when absent
   */
  compile(
    graph: Graph,
    weights: readonly (readonly WeightPart[])[],
    capacity: readonly number[],
    precision?: Precision,
  ): Promise<Plan>;
  /** What `compile` would make of a graph, without weights; nothing is packed. JSON: a {@link PlanExplanation}. */
  preview(graph: Graph, capacity: readonly number[], precision?: Precision): Promise<string>;
  dispose(): void;
  [Symbol.dispose](): void;
}

/** `elements` stored values at `offset` bytes of a buffer: whole rows of a weight. */
export interface WeightPart {
  readonly buffer: Buffer;
  readonly offset: number;
  readonly dtype: DType;
  readonly elements: number;
}

/** Any view of bytes; its content is what counts, not its element type. */
export type Bytes = ArrayBufferView;

/** Owns bytes on its device; its views, and work already queued, share them until they are done. */
export interface Buffer {
  readonly bytes: number;
  /** True for a mapped file. */
  readonly isReadOnly: boolean;
  /** Copies `data` at the call; it may be changed at once. */
  write(data: Bytes, offset?: number): Promise<void>;
  /** Fills `target` when the work before it is done; rejects if it was detached meanwhile. */
  read(target: Bytes, offset?: number): Promise<void>;
  /**
   * A part of these bytes as a buffer of its own; it lives on when this one is disposed.
   *
   * @param offset a multiple of 4
   */
  view(offset: number, bytes: number): Buffer;
  dispose(): void;
  [Symbol.dispose](): void;
}

/** An input, output or weight of a parsed graph. */
export interface TensorDescription {
  readonly name: string;
  readonly dtype: DType;
  /** Sizes; `-1 - k` in front is symbol k. */
  readonly shape: readonly number[];
}

/** Owns a parsed graph, of which plans compiled from it keep their share. */
export interface Graph {
  readonly symbols: readonly string[];
  readonly inputs: readonly TensorDescription[];
  readonly outputs: readonly TensorDescription[];
  readonly weights: readonly TensorDescription[];
  dispose(): void;
  [Symbol.dispose](): void;
}

/** Owns a compiled graph; runs already queued share it until they are done. */
export interface Plan {
  /** Of intermediates and scratch; the plans of a device share one arena, as large as the largest. */
  readonly arenaBytes: number;
  /** Weights in the kernels' layouts; plans of one device share those of the same stored bytes. */
  readonly packedBytes: number;
  /** JSON: a {@link PlanExplanation}. */
  explain(): string;
  /**
   * @param inputs one buffer per input of the graph, in its order
   * @param outputs likewise; none may be an input too, or read-only
   * @param sizes one per symbol, from 0 to its capacity
   * @param cancel over a SharedArrayBuffer; once its first element is not 0, the run stops before
   * its next node with an ABORTED error. A device that is disposed sets it.
   */
  run(
    inputs: readonly Buffer[],
    outputs: readonly Buffer[],
    sizes: readonly number[],
    cancel?: Int32Array,
  ): Promise<void>;
  /** A run that answers the milliseconds of each node; 0 for a view. */
  profile(
    inputs: readonly Buffer[],
    outputs: readonly Buffer[],
    sizes: readonly number[],
    cancel?: Int32Array,
  ): Promise<Float64Array>;
  dispose(): void;
  [Symbol.dispose](): void;
}

/** One row of the table of ops. */
export interface OpDescription {
  readonly name: string;
  /** A view moves no data and has no kernel. */
  readonly isView: boolean;
  /** The last input may repeat. */
  readonly isVariadic: boolean;
  readonly inputs: readonly {
    readonly name: string;
    readonly kind: 'activation' | 'weight' | 'index';
    readonly optional: boolean;
  }[];
  readonly attributes: readonly {
    readonly name: string;
    /** `integer`, `number`, `flag`, or the choices joined by `|`. */
    readonly type: string;
  }[];
}

/** What was found of one kind of device, and why the rest was not. */
export interface DeviceDescription {
  readonly kind: 'cpu' | 'cuda';
  readonly available: boolean;
  /** Why it is not available. */
  readonly reason?: string;
  /** Threads the hardware has; CPU only. */
  readonly threads?: number;
  /** Instruction sets, widest first; CPU only. */
  readonly levels?: readonly {
    readonly isa: Isa;
    readonly available: boolean;
    readonly reason?: string;
  }[];
  /** Instructions of the processor that levels may use, by name; CPU only. */
  readonly extensions?: Readonly<Record<string, boolean>>;
  /** The file of the CUDA library that was loaded; this and the following, CUDA only. */
  readonly library?: string;
  /** What it was compiled for, e.g. `90-real, 80-virtual`. */
  readonly architectures?: string;
  /** The GPU's name; this and the following where it is available. */
  readonly name?: string;
  /** E.g. `9.0`. */
  readonly computeCapability?: string;
  readonly multiprocessors?: number;
  readonly memoryBytes?: number;
  readonly freeBytes?: number;
  /** The CUDA version of the driver, and that of the library, e.g. `13.0`. */
  readonly driver?: string;
  readonly runtime?: string;
}

/** Which kernel runs each node and what it costs, at the plan's capacity. */
export interface PlanExplanation {
  readonly arenaBytes: number;
  readonly packedBytes: number;
  readonly capacity: Readonly<Record<string, number>>;
  readonly nodes: readonly {
    readonly name: string;
    readonly op: string;
    readonly shape: readonly number[];
    /** As the result is stored: `bf16` where the kernels that read it would round it to that. */
    readonly dtype: string;
    /** Null for a view. */
    readonly kernel: string | null;
    readonly flops: number;
    /** Read and written. */
    readonly bytes: number;
    readonly scratchBytes: number;
    /** Kernels that come before it in the op's list, and why they do not take the node. */
    readonly refused: readonly { readonly kernel: string; readonly reason: string }[];
  }[];
}
