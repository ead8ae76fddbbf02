import type { Graph, Node } from './builder.js';
import { shapeText } from './shape.js';
import type { Tensor } from './tensor.js';

/** A graph as text for people: inputs, one line per node with its shape, outputs. */
export function describe(graph: Graph): string {
  const lines = [
    `graph ${graph.name}: nodes ${graph.nodes.length}, weights ${graph.weights.length}`,
    ...graph.inputs.map((tensor) => `input ${typed(tensor)}`),
    ...graph.nodes.map(nodeLine),
    ...graph.outputs.map(
      ({ name, tensor }) => `output ${name} = ${tensor.name} ${shapeText(tensor.shape)}`,
    ),
  ];
  return lines.join('\n');
}

function typed(tensor: Tensor): string {
  return `${tensor.name} ${tensor.dtype} ${shapeText(tensor.shape)}`;
}

function nodeLine(node: Node): string {
  const names = Object.keys(node.op.inputs);
  const inputs = node.inputs.flatMap((tensor, i) => {
    if (tensor === undefined) return [];
    return i < 1 || node.op.variadic ? [tensor.name] : [`${names[i]}=${tensor.name}`];
  });
  const defaults = node.op.attributes;
  const attributes = Object.entries(node.attributes)
    .filter(([name, value]) => value !== defaults[name]?.default)
    .map(([name, value]) => `${name}=${value}`);
  return `${node.name} = ${node.op.stem}(${[...inputs, ...attributes].join(', ')}) ${shapeText(node.output.shape)}`;
}
