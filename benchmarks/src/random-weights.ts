import { closeSync, existsSync, openSync, renameSync, statSync, writeSync } from 'node:fs';
import type { Graph } from '@tubelet/graph';
import { type Weights, weightsOf } from '@tubelet/runtime';
import type { ExternalData } from './onnx/model.js';

/** Where each tensor of a safetensors file lies. */
export type Layout = ReadonlyMap<
  string,
  { readonly shape: readonly number[]; readonly offset: number; readonly bytes: number }
>;

/** Values that depend on the tensor's name and shape alone, such that activations stay near 1. */
export function randomTensor(name: string, shape: readonly number[]): Float32Array {
  const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
  const scale = Math.min(1, Math.sqrt((3 * shape[0]) / values.length));
  let state = 2166136261;
  for (const letter of name) state = Math.imul(state ^ letter.charCodeAt(0), 16777619);
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    values[i] = ((state >> 8) / 2 ** 23) * scale;
  }
  return values;
}

/** All weights of a graph, in memory. */
export function randomWeightsOf({ weights }: Graph): Weights {
  const tensors = weights.flatMap(({ sources }) =>
    sources.map(({ names: [name], shape }) => [name, { shape, data: randomTensor(name, shape) }]),
  );
  return weightsOf(Object.fromEntries(tensors));
}

/** Writes a graph's weights as safetensors, unless the file is there with the right size. */
export function writeRandomWeights(path: string, graph: Graph): Layout {
  const tensors = graph.weights.flatMap(({ sources }) =>
    sources.map(({ names: [name], shape }) => ({ name, shape })),
  );
  let size = 0;
  const entries = tensors.map(({ name, shape }) => {
    const start = size;
    size += 4 * shape.reduce((product, dim) => product * dim, 1);
    return [name, { dtype: 'F32', shape, data_offsets: [start, size] }] as const;
  });
  const text = JSON.stringify(Object.fromEntries(entries));
  const header = Buffer.from(text.padEnd(Math.ceil((text.length + 8) / 64) * 64 - 8));
  const data = 8 + header.length;
  if (!existsSync(path) || statSync(path).size !== data + size) {
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    const file = openSync(`${path}.part`, 'w');
    for (const bytes of [length, header]) writeSync(file, bytes);
    for (const { name, shape } of tensors) writeSync(file, randomTensor(name, shape));
    closeSync(file);
    renameSync(`${path}.part`, path);
  }
  return new Map(
    entries.map(
      ([
        name,
        {
          shape,
          data_offsets: [start, end],
        },
      ]) => [name, { shape, offset: data + start, bytes: end - start }],
    ),
  );
}

/** Tensors of a safetensors file as external data of an ONNX model beside it. */
export function locateIn(layout: Layout, location: string) {
  return (name: string, rows?: readonly [start: number, end: number]): ExternalData => {
    const tensor = layout.get(name);
    if (!tensor) throw new Error(`no tensor ${name} in ${location}`);
    const row = tensor.bytes / tensor.shape[0];
    const [start, end] = rows ?? [0, tensor.shape[0]];
    return { location, offset: tensor.offset + start * row, bytes: (end - start) * row };
  };
}
