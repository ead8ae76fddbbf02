import type { Checkpoint } from '../weights.js';
import type { LatteConfig } from './config.js';
import { latte } from './model.js';

/** Old files hold the position tables, which are computed here. */
export function latteCheckpoint(config: LatteConfig): Checkpoint {
  return { graphs: [latte(config)], unused: [/^pos_embed\.pos_embed$/, /^temp_pos_embed$/] };
}
