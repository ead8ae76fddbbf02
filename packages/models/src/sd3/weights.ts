import type { Checkpoint } from '../weights.js';
import type { Sd3Config } from './config.js';
import { sd3Transformer } from './model.js';

/** The last block's text asks nothing, but files have the weights for it. */
export function sd3Checkpoint(config: Sd3Config): Checkpoint {
  const last = `^transformer_blocks\\.${config.layers - 1}\\.attn`;
  const unused = ['add_q_proj\\.', 'norm_added_q\\.'].map(
    (name) => new RegExp(`${last}\\.${name}`),
  );
  return { graphs: [sd3Transformer(config)], unused };
}
