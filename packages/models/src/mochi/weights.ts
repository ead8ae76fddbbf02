import type { Checkpoint } from '../weights.js';
import type { MochiConfig } from './config.js';
import { mochiTransformer } from './model.js';

/**
 * `pos_frequencies` goes into the positions (`packMochi`), not into the graph. The last block's text asks nothing, but files
 * have the weights for it.
 */
export function mochiCheckpoint(config: MochiConfig): Checkpoint {
  const last = `^transformer_blocks\\.${config.layers - 1}\\.attn1`;
  const unused = ['^pos_frequencies$', `${last}\\.add_q_proj\\.`, `${last}\\.norm_added_q\\.`];
  return { graphs: [mochiTransformer(config)], unused: unused.map((name) => new RegExp(name)) };
}
