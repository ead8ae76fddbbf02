import type { Checkpoint } from '../weights.js';
import type { LlavaConfig } from './config.js';
import { llavaEncoder, llavaImages } from './model.js';

/** It has a layer for the next word too; the vision encoder's last blocks and norm are not run. */
export function llavaCheckpoint(config: LlavaConfig): Checkpoint {
  const unused = [
    /^(language_model\.)?lm_head\./,
    /\.rotary_emb\.inv_freq$/,
    /\.embeddings\.position_ids$/,
    /vision_tower\.(vision_model\.)?post_layernorm\./,
    /vision_tower\.(vision_model\.)?encoder\.layers\.\d+\./,
  ];
  return { graphs: [llavaEncoder(config), llavaImages(config)], unused };
}
