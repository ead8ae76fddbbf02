import {
  activation,
  add,
  type Graph,
  type GraphBuilder,
  graph,
  linear,
  type Node,
  type NodeCopies,
  nodeCopies,
  type WeightRequest,
} from '@tubelet/graph';
import { findTensor } from './compare-weights.js';
import { type LowRankUpdate, mergedWeights } from './merged-weights.js';
import { readTensor, type TensorData, type Weights, weightsOf } from './weights.js';

/** An update as the rows of a graph's weight see it. */
interface Branch {
  readonly update: LowRankUpdate;
  /** The first row of `up` that is used, the first of the weight that it is added to, and how many. */
  readonly from: number;
  readonly at: number;
  readonly rows: number;
}

/**
 * A graph and weights with updates of low rank beside the layers they change: y = W·x + up·(down·x). The stored weights stay as
 * they are, so that plans share the packed ones; the two factors of a layer are all that is added. Tensors that something else
 * than a linear layer reads, and those with magnitudes, are merged.
 *
 * @param updates by the tensor's name; shapes are taken to fit
 */
export async function lowRankBranches(
  whole: Graph,
  weights: Weights,
  updates: ReadonlyMap<string, readonly LowRankUpdate[]>,
): Promise<{ readonly graph: Graph; readonly weights: Weights }> {
  const merged = new Map(updates);
  for (const name of linearOnly(whole, weights))
    if (!updates.get(name)?.some(({ magnitude }) => magnitude)) merged.delete(name);
  const branches = new Map<string, readonly Branch[]>();
  const factors: Record<string, TensorData> = {};
  for (const request of whole.weights) {
    const found = branchesOf(request, weights, (name) =>
      merged.has(name) ? [] : (updates.get(name) ?? []),
    );
    if (found.length === 0) continue;
    branches.set(request.name, found);
    const { down, up } = await factorsOf(request, found);
    factors[factorName(request.name, 'down')] = down;
    factors[factorName(request.name, 'up')] = up;
  }
  const base = mergedWeights(weights, merged);
  const tensors = new Map([...base.tensors, ...weightsOf(factors).tensors]);
  return {
    graph: graph(whole.name, (g) => {
      const copies = nodeCopies(g, whole);
      for (const node of whole.nodes) {
        const weight = node.inputs[1];
        const name = node.op.stem === 'linear' ? weight!.name : '';
        if (branches.has(name)) addBranch(g, copies, node, factors);
        else copies.add(node);
      }
      for (const { name, tensor } of whole.outputs) g.output(name, copies.of(tensor));
      for (const [name, { tensor, rows }] of whole.cuts)
        g.cut(name, copies.of(tensor), rows && copies.of(rows));
    }),
    weights: { ...base, tensors },
  };
}

function factorName(weight: string, factor: 'down' | 'up'): string {
  return `${weight.replace(/\.weight$/, '')}.lora_${factor}.weight`;
}

/** Stored tensors that only linear layers read, of which none gates what its activation answers. */
function linearOnly(whole: Graph, weights: Weights): ReadonlySet<string> {
  const stored = new Map(
    whole.weights.map(({ name, sources }) => [
      name,
      sources.flatMap((source) => findTensor(source, weights)?.name ?? []),
    ]),
  );
  const names = new Set([...stored.values()].flat());
  for (const { op, inputs, attributes } of whole.nodes) {
    inputs.forEach((tensor, i) => {
      const isBranched =
        op.stem === 'linear' && i === 1 && (attributes.activation === 'none' || !inputs[3]);
      if (tensor?.kind !== 'weight' || isBranched) return;
      for (const name of stored.get(tensor.name)!) names.delete(name);
    });
  }
  return names;
}

function branchesOf(
  { sources }: WeightRequest,
  weights: Weights,
  updatesOf: (name: string) => readonly LowRankUpdate[],
): readonly Branch[] {
  let before = 0;
  return sources.flatMap((source) => {
    const [start, end] = source.rows ?? [0, source.shape[0] ?? 1];
    const first = before;
    before += end - start;
    const tensor = findTensor(source, weights);
    return (tensor ? updatesOf(tensor.name) : []).flatMap((update) => {
      const from = Math.max(update.at, start);
      const to = Math.min(update.at + update.rows, end);
      if (from >= to) return [];
      return [
        { update, from: update.from + from - update.at, at: first + from - start, rows: to - from },
      ];
    });
  });
}

/** All branches of a weight as one: down [ranks, width], up [rows, ranks] with the scales in it. Rows of one `down` share it. */
async function factorsOf(
  { shape: [count, width] }: WeightRequest,
  branches: readonly Branch[],
): Promise<Readonly<Record<'down' | 'up', TensorData>>> {
  const places = new Map<object, number>();
  let ranks = 0;
  for (const { update } of branches) {
    if (places.has(update.down)) continue;
    places.set(update.down, ranks);
    ranks += update.down.shape[0];
  }
  const down = new Float32Array(ranks * width);
  const up = new Float32Array(count * ranks);
  for (const { update, from, at, rows } of branches) {
    const rank = update.down.shape[0];
    const place = places.get(update.down)!;
    const [a, b] = [await readTensor(update.down), await readTensor(update.up)];
    down.set(a, place * width);
    for (let row = 0; row < rows; row++) {
      for (let r = 0; r < rank; r++)
        up[(at + row) * ranks + place + r] += update.scale * b[(from + row) * rank + r];
    }
  }
  return { down: { shape: [ranks, width], data: down }, up: { shape: [count, ranks], data: up } };
}

/** The layer once more, and behind it its branch: before the activation, gated as the layer is. */
function addBranch(
  g: GraphBuilder,
  copies: NodeCopies,
  node: Node,
  factors: Readonly<Record<string, TensorData>>,
): void {
  const { inputs, attributes, output } = node;
  const [x, weight, bias, modulation, row, residual] = inputs.map(
    (tensor) => tensor && copies.of(tensor),
  );
  const factor = (kind: 'down' | 'up') => {
    const name = factorName(weight!.name, kind);
    return g.weight(name, factors[name].shape);
  };
  const low = linear(x!, factor('down')); // [T, ranks]
  const kind = attributes.activation as 'none' | 'silu';
  if (kind === 'none') {
    const gate =
      modulation && row ? { modulation, row, gateColumn: Number(attributes.gateColumn) } : {};
    copies.add(node);
    copies.set(output, linear(low, factor('up'), { ...gate, residual: copies.of(output) }));
    return;
  }
  const before = linear(x!, weight!, { bias }); // [T, N]
  const after = activation(linear(low, factor('up'), { residual: before }), kind); // [T, N]
  copies.set(output, residual ? add(after, residual) : after);
}
