import type { Graph, GraphBuilder, Node } from './builder.js';
import type { Shape } from './shape.js';
import type { Tensor } from './tensor.js';

/** Parts of a finished graph in another builder. */
export interface NodeCopies {
  /** What stands for a tensor of the source: an input, weight or constant is made when it is first asked for. */
  of(tensor: Tensor): Tensor;
  /** Lets a tensor of the new graph stand for one of the source. */
  set(tensor: Tensor, by: Tensor): void;
  /** The same node once more, of copies of what it is given. */
  add(node: Node): void;
  /** A shape of the source with the new graph's symbols. */
  shape(shape: Shape): Shape;
}

/** Copies nodes of `source` into `g`. */
export function nodeCopies(g: GraphBuilder, source: Graph): NodeCopies {
  const copies = new Map<number, Tensor>();
  const requests = new Map(source.weights.map((request) => [request.name, request]));

  const shape = (dims: Shape) =>
    dims.map((dim) => (typeof dim === 'number' ? dim : g.symbol(dim.symbol)));
  const outside = (tensor: Tensor): Tensor => {
    const { id, name, kind, dtype } = tensor;
    if (kind === 'constant')
      return g.constant(name, source.constants.get(id)!, tensor.shape as readonly number[]);
    if (kind === 'weight') {
      const { shape, sources } = requests.get(name)!;
      return g.weight(name, shape, { sources });
    }
    return g.input(name, shape(tensor.shape), dtype);
  };
  const of = (tensor: Tensor): Tensor => {
    const known = copies.get(tensor.id);
    if (known) return known;
    const copy = outside(tensor);
    copies.set(tensor.id, copy);
    return copy;
  };
  return {
    of,
    set: (tensor, by) => copies.set(tensor.id, by),
    add({ name, op, inputs, attributes, output }) {
      const given = inputs.map((tensor) => tensor && of(tensor));
      copies.set(output.id, g.node(op, given, attributes, shape(output.shape), name));
    },
    shape,
  };
}
