import type { Checkpoint } from '../weights.js';
import type { PixartConfig } from './config.js';
import { pixart } from './model.js';

/**
 * Old files hold the position table, which is computed here, and the authors' the text that stood for none in training, which the
 * text encoder's of the empty prompt replaces.
 */
export function pixartCheckpoint(config: PixartConfig): Checkpoint {
  return {
    graphs: [pixart(config)],
    unused: [/^pos_embed(\.pos_embed)?$/, /^y_embedder\.y_embedding$/],
  };
}
