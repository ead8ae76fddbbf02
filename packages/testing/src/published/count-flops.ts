import type { Graph } from '@tubelet/graph';
import type { PlanExplanation } from '@tubelet/runtime';

/**
 * FLOPs of one run. A plan counts attention as of every query to every key, since its segments are data; here they are known.
 *
 * @param inputs the tables of attention among them, where they are not constants of the graph
 */
export function countFlops(
  graph: Graph,
  explanation: PlanExplanation,
  inputs: Readonly<Record<string, ArrayLike<number>>>,
): number {
  const [q, k, segments] = [0, 1, 3];
  return graph.nodes.reduce((sum, node, i) => {
    const { flops, shape } = explanation.nodes[i];
    if (node.op.stem !== 'attention') return sum + flops;
    const given = node.inputs[segments]!;
    const table = graph.constants.get(given.id) ?? inputs[given.name];
    let pairs = 0;
    let keys = 0;
    for (let at = 0; at < table.length; at += 4) {
      pairs += (table[at + 1] - table[at]) * (table[at + 3] - table[at + 2]);
      keys = Math.max(keys, table[at + 3]);
    }
    const isSelf = node.inputs[q]!.shape[0] === node.inputs[k]!.shape[0];
    return sum + (flops * pairs) / (shape[0] * (isSelf ? shape[0] : keys));
  }, 0);
}
