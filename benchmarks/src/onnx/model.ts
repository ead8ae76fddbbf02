import { type Field, message } from './protobuf.js';

/** A tensor of the graph is its name. */
export type Value = string;

export type Attribute = number | { readonly float: number } | string | readonly number[];

export interface NodeOptions {
  readonly attributes?: Readonly<Record<string, Attribute>>;
  readonly outputs?: number;
  /** `com.microsoft` for onnxruntime's own ops. */
  readonly domain?: string;
}

/** Values of a float32 tensor in a file beside the model. */
export interface ExternalData {
  /** The file's name. */
  readonly location: string;
  readonly offset: number;
  readonly bytes: number;
}

const elementTypes = { float: 1, int8: 3, int64: 7 } as const;
type ElementType = keyof typeof elementTypes;

/** Writes an ONNX model (onnx.proto of ONNX 1.16, IR version 9, opset 20 and com.microsoft 1). */
export class OnnxModel {
  readonly #nodes: Uint8Array[] = [];
  readonly #initializers: Uint8Array[] = [];
  readonly #inputs: Uint8Array[] = [];
  readonly #outputs: Uint8Array[] = [];
  #count = 0;

  input(name: string, type: ElementType, shape: readonly number[]): Value {
    this.#inputs.push(valueInfo(name, type, shape));
    return name;
  }

  output(value: Value, name: string, shape: readonly number[]): void {
    this.node('Identity', [value], {}, [name]);
    this.#outputs.push(valueInfo(name, 'float', shape));
  }

  /** A node with one result. */
  op(type: string, inputs: readonly Value[], options: NodeOptions = {}): Value {
    return this.ops(type, inputs, { ...options, outputs: 1 })[0];
  }

  /** A node with several results. */
  ops(type: string, inputs: readonly Value[], options: NodeOptions): Value[] {
    const outputs = Array.from({ length: options.outputs ?? 1 }, () => this.#name(type));
    this.node(type, inputs, options, outputs);
    return outputs;
  }

  /** @param inputs an absent one is '' */
  node(
    type: string,
    inputs: readonly Value[],
    { attributes = {}, domain = '' }: NodeOptions,
    outputs: readonly Value[],
  ): void {
    this.#nodes.push(
      message(
        ...inputs.map((name): Field => [1, name]),
        ...outputs.map((name): Field => [2, name]),
        [3, outputs[0]],
        [4, type],
        ...Object.entries(attributes).map(([name, of]): Field => [5, attribute(name, of)]),
        ...(domain === '' ? [] : [[7, domain] as const]),
      ),
    );
  }

  external(name: string, shape: readonly number[], data: ExternalData): Value {
    const entry = (key: string, value: string | number): Field => [
      13,
      message([1, key], [2, String(value)]),
    ];
    return this.#initializer(
      name,
      'float',
      shape,
      entry('location', data.location),
      entry('offset', data.offset),
      entry('length', data.bytes),
      [14, 1],
    );
  }

  floats(values: Float32Array, shape: readonly number[] = [values.length]): Value {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    return this.#initializer(this.#name('floats'), 'float', shape, [9, bytes]);
  }

  bytes(values: Int8Array, shape: readonly number[]): Value {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    return this.#initializer(this.#name('bytes'), 'int8', shape, [9, bytes]);
  }

  ints(...values: readonly number[]): Value {
    const bytes = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    return this.#initializer(this.#name('ints'), 'int64', [values.length], [9, bytes]);
  }

  build(name: string): Uint8Array {
    const list = (number: number, items: readonly Uint8Array[]) =>
      items.map((item): Field => [number, item]);
    const graph = message(
      ...list(1, this.#nodes),
      [2, name],
      ...list(5, this.#initializers),
      ...list(11, this.#inputs),
      ...list(12, this.#outputs),
    );
    const opset = (domain: string, version: number): Field => [
      8,
      message([1, domain], [2, version]),
    ];
    return message([1, 9], [2, 'tubelet'], [7, graph], opset('', 20), opset('com.microsoft', 1));
  }

  #initializer(
    name: string,
    type: ElementType,
    shape: readonly number[],
    ...data: readonly Field[]
  ): Value {
    const dims = shape.map((size): Field => [1, size]);
    this.#initializers.push(message(...dims, [2, elementTypes[type]], [8, name], ...data));
    return name;
  }

  #name(kind: string): string {
    return `${kind}_${this.#count++}`;
  }
}

function valueInfo(name: string, type: ElementType, shape: readonly number[]): Uint8Array {
  const dims = message(...shape.map((size): Field => [1, message([1, size])]));
  const tensor = message([1, elementTypes[type]], [2, dims]);
  return message([1, name], [2, message([1, tensor])]);
}

/** AttributeProto: the value's field, and its type in field 20. */
function attribute(name: string, value: Attribute): Uint8Array {
  if (typeof value === 'number') return message([1, name], [3, value], [20, 2]);
  if (typeof value === 'string') return message([1, name], [4, value], [20, 3]);
  if ('float' in value) return message([1, name], [2, value], [20, 1]);
  return message([1, name], ...value.map((item): Field => [8, item]), [20, 7]);
}
