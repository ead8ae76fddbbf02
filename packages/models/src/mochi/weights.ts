import { embedding, type Graph, graph } from '@tubelet/graph';
import type { Checkpoint } from '../weights.js';
import type { MochiConfig } from './config.js';
import { mochiTransformer } from './model.js';

/** The last block's text asks nothing, but files have the weights for it. */
export function mochiCheckpoint(config: MochiConfig): Checkpoint {
  const last = `^transformer_blocks\\.${config.layers - 1}\\.attn1`;
  const unused = [`${last}\\.add_q_proj\\.`, `${last}\\.norm_added_q\\.`];
  const graphs = [mochiTransformer(config), frequencies(config)];
  return { graphs, unused: unused.map((name) => new RegExp(name)) };
}

/** What goes into the positions (`packMochi`) and is of no other graph. */
function frequencies({ heads, headDim }: MochiConfig): Graph {
  return graph('mochi.frequencies', (g) => {
    const pairs = headDim / 2;
    const storedShape = [3, heads, pairs];
    const table = g.weight('pos_frequencies', [3, heads * pairs], { storedShape });
    g.output('frequencies', embedding(g.input('axis', [3], 'i32'), table)); // [3, heads·headDim / 2]
  });
}
