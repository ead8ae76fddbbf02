import { type Tensor, TubeletError, type WeightRequest } from '@tubelet/graph';
import { joined } from '../joined.js';
import type { RunGraph } from '../run-graph.js';
import type { FixtureTensor } from '../safetensors-fixture.js';
import * as clips from './clips.js';
import * as elements from './elements.js';
import * as tokens from './tokens.js';
import { product, type Reference, type Value } from './value.js';

/** The reference of every op, under its stem. */
export const references: Readonly<Record<string, Reference>> = { ...tokens, ...elements, ...clips };

/**
 * Runs a graph node by node in double precision, in plain loops: the reference for the addon, and the proof that graphs
 * and models need none.
 */
export const interpret: RunGraph = async (graph, weights, inputs, sizes) => {
  const values = new Map<number, Value>();
  const shapeOf = (tensor: Tensor) =>
    tensor.shape.map((dim) => (typeof dim === 'number' ? dim : sizes[dim.symbol]));
  const set = (tensor: Tensor, data: Float64Array) => {
    const shape = shapeOf(tensor);
    if (data.length !== product(shape)) {
      throw new TubeletError(
        'BAD_INPUT',
        'interpreter',
        `elements of ${tensor.name} must be = ${product(shape)}, got ${data.length}`,
      );
    }
    values.set(tensor.id, { shape, data });
  };

  for (const tensor of graph.inputs) set(tensor, Float64Array.from(inputs[tensor.name] ?? []));
  for (const [id, data] of graph.constants) set(graph.tensors[id], Float64Array.from(data));
  const bound = graph.tensors.filter((tensor) => tensor.kind === 'weight');
  graph.weights.forEach((request, i) => {
    set(bound[i], bind(request, weights));
  });
  for (const node of graph.nodes) {
    const { attributes, output } = node;
    const given = node.inputs.map((tensor) => tensor && values.get(tensor.id)) as Value[];
    set(output, references[node.op.stem]({ inputs: given, attributes, shape: shapeOf(output) }));
  }
  return new Map(graph.outputs.map(({ name, tensor }) => [name, values.get(tensor.id)!.data]));
};

/** The stored tensors of a weight, one after another. */
function bind(request: WeightRequest, stored: ReadonlyMap<string, FixtureTensor>): Float64Array {
  const parts = request.sources.map(({ names, rows }) => {
    const name = names.find((candidate) => stored.has(candidate));
    if (name === undefined)
      throw new TubeletError(
        'BAD_WEIGHT',
        'interpreter',
        `weight must be = ${names.join(' or ')}, got none`,
      );
    const { values, shape } = stored.get(name)!;
    const row = values.length / shape[0];
    return rows ? values.subarray(rows[0] * row, rows[1] * row) : values;
  });
  return joined(parts);
}
