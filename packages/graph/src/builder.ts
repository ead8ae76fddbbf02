import type { AttributeValue } from './attributes.js';
import type { DType } from './dtype.js';
import { encodeGraph } from './encode.js';
import { check } from './error.js';
import type { OpDefinition } from './op.js';
import {
  checkShape,
  type Dim,
  elementsOf,
  type Shape,
  type SymbolicDim,
  sameShape,
  shapeText,
} from './shape.js';
import type { Tensor, TensorKind, WeightRequest, WeightSource } from './tensor.js';

/** One operation of a graph. */
export interface Node {
  /** Unique in the graph: the layer whose weight it uses, else the scope it was built in and the op. */
  readonly name: string;
  readonly op: OpDefinition;
  /** In the op's order; undefined where an optional input is absent. */
  readonly inputs: readonly (Tensor | undefined)[];
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  readonly output: Tensor;
}

/** What a graph gives, by name. */
export interface GraphOutput {
  readonly name: string;
  readonly tensor: Tensor;
}

/** Where a transformer may be cut: before its first block, after it, and after its last one. */
export type CutName = 'embedded' | 'first' | 'last';

/** A place where {@link splitGraph} cuts. */
export interface Cut {
  readonly tensor: Tensor;
  /** i32, which of its rows are meant; all. */
  readonly rows?: Tensor;
}

/** A finished graph: `bytes` for native code, the rest for people, loaders and tests. */
export interface Graph {
  readonly name: string;
  /** A run gives one size per symbol, in this order. */
  readonly symbols: readonly string[];
  readonly tensors: readonly Tensor[];
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly GraphOutput[];
  /** What to bind, in the order native code expects. */
  readonly weights: readonly WeightRequest[];
  readonly constants: ReadonlyMap<number, Float32Array | Int32Array>;
  readonly nodes: readonly Node[];
  /** See {@link splitGraph}. */
  readonly cuts: ReadonlyMap<CutName, Cut>;
  /** The wire form that native code parses. */
  readonly bytes: Uint8Array;
}

/** How a weight stands in the checkpoint. */
export interface WeightOptions {
  /** Shape in the checkpoint where it differs, with the same number of elements. */
  readonly storedShape?: readonly number[];
  /** Other names the checkpoint may use. */
  readonly aliases?: readonly string[];
  /** Stored tensors that are put together along axis 0; replaces the name and the stored shape. */
  readonly sources?: readonly WeightSource[];
}

/** Builds one graph: inputs, weights, nodes in the order they run, outputs. */
export class GraphBuilder {
  readonly name: string;
  readonly #symbols: SymbolicDim[] = [];
  readonly #tensors: Tensor[] = [];
  readonly #weights = new Map<string, { tensor: Tensor; request: WeightRequest }>();
  readonly #constants = new Map<number, Float32Array | Int32Array>();
  readonly #nodes: Node[] = [];
  readonly #outputs: GraphOutput[] = [];
  readonly #cuts = new Map<CutName, Cut>();
  readonly #names = new Map<string, number>();
  #scope = '';

  constructor(name: string) {
    this.name = name;
  }

  /** A size that every run gives anew; the same name gives the same symbol. */
  symbol(name: string): SymbolicDim {
    const known = this.#symbols.find((symbol) => symbol.symbol === name);
    if (known) return known;
    const symbol = { symbol: name, index: this.#symbols.length };
    this.#symbols.push(symbol);
    return symbol;
  }

  /** A tensor the caller gives with every run. */
  input(name: string, shape: Shape, dtype: DType = 'f32'): Tensor {
    const taken = this.#tensors.some((t) => t.kind === 'input' && t.name === name);
    check(!taken, 'BAD_GRAPH', 'graph', 'input name', 'unused', name);
    return this.#tensor(name, 'input', dtype, shape);
  }

  /** A trained tensor, bound once when the plan is compiled; the same name gives the same tensor. */
  weight(name: string, shape: readonly number[], options: WeightOptions = {}): Tensor {
    const known = this.#weights.get(name);
    if (known) {
      const good = sameShape(known.tensor.shape, shape);
      check(
        good,
        'BAD_SHAPE',
        'graph',
        `shape of weight ${name}`,
        shapeText(known.tensor.shape),
        shapeText(shape),
      );
      return known.tensor;
    }
    const sources = options.sources ?? [
      { names: [name, ...(options.aliases ?? [])], shape: options.storedShape ?? shape },
    ];
    const tensor = this.#tensor(name, 'weight', 'f32', shape);
    const stored = sources.reduce((sum, source) => sum + sourceElements(source), 0);
    check(
      stored === elementsOf(shape),
      'BAD_SHAPE',
      'graph',
      `elements of weight ${name}`,
      elementsOf(shape),
      stored,
    );
    this.#weights.set(name, { tensor, request: { name, shape, sources } });
    return tensor;
  }

  /** Data that is part of the graph itself; small tables only. */
  constant(
    name: string,
    data: Float32Array | Int32Array,
    shape: readonly number[] = [data.length],
  ): Tensor {
    const tensor = this.#tensor(
      name,
      'constant',
      data instanceof Int32Array ? 'i32' : 'f32',
      shape,
    );
    check(
      data.length === elementsOf(shape),
      'BAD_SHAPE',
      'graph',
      `elements of constant ${name}`,
      elementsOf(shape),
      data.length,
    );
    this.#constants.set(tensor.id, data);
    return tensor;
  }

  /** Names the nodes without weights built inside after a part of the model: `blocks.0.attn1.rotary`. */
  scope<T>(name: string, build: () => T): T {
    const outer = this.#scope;
    this.#scope = outer === '' ? name : `${outer}.${name}`;
    try {
      return build();
    } finally {
      this.#scope = outer;
    }
  }

  /** Adds a node; called by the op functions, which know the shapes. */
  node(
    op: OpDefinition,
    inputs: readonly (Tensor | undefined)[],
    attributes: Readonly<Record<string, AttributeValue>>,
    shape: Shape,
    wanted = this.#nodeName(op, inputs),
  ): Tensor {
    const name = this.#unique(wanted);
    const dtype = (op.view && inputs[0]?.dtype) || 'f32';
    const output = this.#tensor(name, 'intermediate', dtype, shape);
    this.#nodes.push({ name, op, inputs, attributes, output });
    return output;
  }

  /** Makes a tensor a result of the graph. */
  output(name: string, tensor: Tensor): void {
    const taken = this.#outputs.some((output) => output.name === name);
    check(!taken, 'BAD_GRAPH', 'graph', 'output name', 'unused', name);
    check(
      tensor.builder === this,
      'BAD_GRAPH',
      'graph',
      `output ${name}`,
      'a tensor of this graph',
      tensor.name,
    );
    check(
      tensor.kind !== 'weight',
      'BAD_GRAPH',
      'graph',
      `output ${name}`,
      'computed, constant or an input',
      `the weight "${tensor.name}"`,
    );
    this.#outputs.push({ name, tensor });
  }

  /**
   * Marks tokens [T, D] as a place where the graph may be cut; all three have the same shape. See {@link splitGraph}.
   *
   * @param rows i32 [T], where the tensor has other rows than tokens too
   */
  cut(name: CutName, tensor: Tensor, rows?: Tensor): void {
    this.#cuts.set(name, { tensor, ...(rows && { rows }) });
  }

  build(): Graph {
    check(this.#outputs.length > 0, 'BAD_GRAPH', 'graph', 'outputs', 'at least one', 0);
    const content = {
      name: this.name,
      symbols: this.#symbols.map((symbol) => symbol.symbol),
      tensors: [...this.#tensors],
      inputs: this.#tensors.filter((tensor) => tensor.kind === 'input'),
      outputs: [...this.#outputs],
      weights: [...this.#weights.values()].map((weight) => weight.request),
      constants: new Map(this.#constants),
      nodes: [...this.#nodes],
      cuts: new Map(this.#cuts),
    };
    return { ...content, bytes: encodeGraph(content) };
  }

  #tensor(name: string, kind: TensorKind, dtype: DType, shape: Shape): Tensor {
    checkShape('graph', name, shape);
    const foreign = shape.find(
      (dim: Dim) => typeof dim !== 'number' && this.#symbols[dim.index] !== dim,
    );
    check(
      foreign === undefined,
      'BAD_GRAPH',
      'graph',
      `symbol in ${name}`,
      'one of this graph',
      shapeText(shape),
    );
    const tensor = { id: this.#tensors.length, name, kind, dtype, shape, builder: this };
    this.#tensors.push(tensor);
    return tensor;
  }

  /** The layer whose weight it uses, else its op in the part of the model it was built in. */
  #nodeName(op: OpDefinition, inputs: readonly (Tensor | undefined)[]): string {
    const weight = inputs.find((tensor) => tensor?.kind === 'weight');
    if (weight) return weight.name.replace(/\.(weight|gamma)$/, '');
    return this.#scope === '' ? op.stem : `${this.#scope}.${op.stem}`;
  }

  #unique(name: string): string {
    const count = (this.#names.get(name) ?? 0) + 1;
    this.#names.set(name, count);
    return count === 1 ? name : `${name}_${count}`;
  }
}

function sourceElements({ shape, rows }: WeightSource): number {
  if (rows === undefined) return elementsOf(shape);
  return (rows[1] - rows[0]) * elementsOf(shape, 1);
}

/** Builds a graph in one call. */
export function graph(name: string, define: (g: GraphBuilder) => void): Graph {
  const g = new GraphBuilder(name);
  define(g);
  return g.build();
}
