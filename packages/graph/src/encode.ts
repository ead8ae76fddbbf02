import type { Graph } from './builder.js';
import { dtypes } from './dtype.js';
import { encodeDim } from './shape.js';
import { type Tensor, tensorKinds } from './tensor.js';

export const graphMagic = 0x474c4254; // "TBLG"
export const graphVersion = 1;
export const absentTensor = 0xffffffff;

/** Little-endian bytes that grow as they are written. */
class ByteWriter {
  #bytes = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  u8(value: number): void {
    const at = this.#grow(1);
    this.#view.setUint8(at, value);
  }

  u32(value: number): void {
    const at = this.#grow(4);
    this.#view.setUint32(at, value, true);
  }

  i64(value: number): void {
    const at = this.#grow(8);
    this.#view.setBigInt64(at, BigInt(value), true);
  }

  f64(value: number): void {
    const at = this.#grow(8);
    this.#view.setFloat64(at, value, true);
  }

  /** Byte length, then the bytes. */
  block(data: Uint8Array): void {
    this.u32(data.length);
    const at = this.#grow(data.length);
    this.#bytes.set(data, at);
  }

  string(text: string): void {
    this.block(new TextEncoder().encode(text));
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #grow(size: number): number {
    const at = this.#length;
    this.#length += size;
    if (this.#length > this.#bytes.length) {
      const bytes = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.length));
      bytes.set(this.#bytes);
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer);
    }
    return at;
  }
}

/** The compact buffer in which a graph crosses to native code. */
export function encodeGraph(graph: Omit<Graph, 'bytes'>): Uint8Array {
  const out = new ByteWriter();
  const list = <T>(items: readonly T[], write: (item: T) => void) => {
    out.u32(items.length);
    items.forEach(write);
  };
  const outputNames = new Map(graph.outputs.map(({ name, tensor }) => [tensor.id, name]));

  out.u32(graphMagic);
  out.u32(graphVersion);
  list(graph.symbols, (name) => out.string(name));
  list(graph.tensors, (tensor) => {
    out.string(
      tensor.kind === 'intermediate' ? (outputNames.get(tensor.id) ?? tensor.name) : tensor.name,
    );
    out.u8(tensorKinds.indexOf(tensor.kind));
    out.u8(dtypes.indexOf(tensor.dtype));
    out.u8(tensor.shape.length);
    for (const dim of tensor.shape) out.i64(encodeDim(dim));
    const data = graph.constants.get(tensor.id);
    if (data) out.block(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  });
  list(graph.nodes, (node) => {
    out.string(node.op.stem);
    out.string(node.name);
    list(node.inputs, (tensor) => out.u32(tensor?.id ?? absentTensor));
    list([node.output], (tensor) => out.u32(tensor.id));
    list(Object.entries(node.attributes), ([name, value]) => {
      out.string(name);
      out.u8(typeof value === 'string' ? 1 : 0);
      if (typeof value === 'string') out.string(value);
      else out.f64(Number(value));
    });
  });
  list(graph.inputs, (tensor: Tensor) => out.u32(tensor.id));
  list(graph.outputs, ({ tensor }) => out.u32(tensor.id));
  return out.finish();
}
