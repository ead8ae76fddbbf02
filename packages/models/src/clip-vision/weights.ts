import type { Checkpoint } from '../weights.js';
import type { ClipVisionConfig } from './config.js';
import { clipVisionEncoder } from './model.js';

/** A whole CLIP has a text part too; some files hold the numbers of positions. */
export function clipVisionCheckpoint(config: ClipVisionConfig): Checkpoint {
  const unused = [
    /^(vision_model\.)?embeddings\.position_ids$/,
    /^text_model\./,
    /^(visual|text)_projection\./,
    /^logit_scale$/,
  ];
  return { graphs: [clipVisionEncoder(config)], unused };
}
