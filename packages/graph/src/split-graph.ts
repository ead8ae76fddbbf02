import {
  type Cut,
  type CutName,
  type Graph,
  type GraphBuilder,
  graph,
  type Node,
} from './builder.js';
import { nodeCopies } from './copy-nodes.js';
import { gather } from './ops/gather.js';
import type { Tensor } from './tensor.js';

/** A transformer in three graphs: run one after another they answer the bytes of the whole. */
export interface SplitGraph {
  /**
   * To the end of the first block. Outputs: `embedded` and `first` [tokens, D], the tokens before and after that block, and what
   * is carried.
   */
  readonly first: Graph;
  /** All other blocks. Inputs: the whole's and what is carried; output `last` [tokens, D]. */
  readonly rest: Graph;
  /** From `last` on: the whole's outputs. */
  readonly last: Graph;
  /** What the first part answers for the other two beside `first`, where they need it. */
  readonly carried: readonly Tensor[];
}

/**
 * A graph cut before and after its first block and after its last one, where {@link GraphBuilder.cut} was called.
 *
 * @returns undefined of a graph without these places, or of one block
 */
export function splitGraph(whole: Graph): SplitGraph | undefined {
  const [embedded, first, last] = (['embedded', 'first', 'last'] as const).map((name) =>
    whole.cuts.get(name),
  );
  if (!embedded || !first || !last || first.tensor === last.tensor) return undefined;

  const nodesFor = ancestry(whole);
  const ends = [embedded, first].flatMap(({ tensor, rows }) => (rows ? [tensor, rows] : [tensor]));
  const nodes = nodesFor(ends, () => false);
  const isEarly = idsOf(nodes);
  const rest = nodesFor([last.tensor], isEarly);
  const results = whole.outputs.map(({ tensor }) => tensor);
  const end = nodesFor(results, (id) => id === last.tensor.id || isEarly(id));

  const name = (tensor: Tensor) => {
    const cut = [...whole.cuts].find(([, { tensor: at, rows }]) => at === tensor && !rows);
    return cut ? cut[0] : tensor.name;
  };
  const used = new Set([...rest, ...end].flatMap(({ inputs }) => inputs));
  const carried = nodes.map(({ output }) => output).filter((output) => used.has(output));

  const part = (
    suffix: string,
    given: readonly Tensor[],
    nodes: readonly Node[],
    define: (g: GraphBuilder, of: (tensor: Tensor) => Tensor) => void,
  ) =>
    graph(`${whole.name}.${suffix}`, (g) => {
      const copies = nodeCopies(g, whole);
      const read = new Set(nodes.flatMap(({ inputs }) => inputs));
      for (const tensor of given.filter((tensor) => read.has(tensor)))
        copies.set(tensor, g.input(name(tensor), copies.shape(tensor.shape), tensor.dtype));
      for (const node of nodes) copies.add(node);
      define(g, copies.of);
    });
  const beside = carried.filter((tensor) => name(tensor) === tensor.name);
  return {
    first: part('first', [], nodes, (g, of) => {
      const output = (cut: CutName, { tensor, rows }: Cut) =>
        g.output(cut, rows ? gather(of(rows), of(tensor)) : of(tensor));
      output('embedded', embedded);
      output('first', first);
      for (const tensor of beside) g.output(name(tensor), of(tensor));
    }),
    rest: part('rest', carried, rest, (g, of) => g.output('last', of(last.tensor))),
    last: part('last', [last.tensor, ...carried], end, (g, of) => {
      for (const { name, tensor } of whole.outputs) g.output(name, of(tensor));
    }),
    carried: beside,
  };
}

function idsOf(nodes: readonly Node[]): (id: number) => boolean {
  const ids = new Set(nodes.map(({ output }) => output.id));
  return (id) => ids.has(id);
}

/** The nodes that make some tensors, in the order they run; what `isKnown` is not looked behind. */
function ancestry({ nodes }: Graph) {
  return (tensors: readonly Tensor[], isKnown: (id: number) => boolean): readonly Node[] => {
    const wanted = new Set(tensors.map(({ id }) => id));
    const found: Node[] = [];
    for (const node of nodes.toReversed()) {
      if (!wanted.has(node.output.id) || isKnown(node.output.id)) continue;
      for (const tensor of node.inputs) if (tensor) wanted.add(tensor.id);
      found.push(node);
    }
    return found.toReversed();
  };
}
