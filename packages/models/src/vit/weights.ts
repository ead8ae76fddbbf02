import type { Checkpoint } from '../weights.js';
import type { VitConfig } from './config.js';
import { vit } from './model.js';

/** Positions are read apart, since other sizes than the trained one have them interpolated; a pooler may be there or not. */
export function vitCheckpoint(config: VitConfig): Checkpoint {
  const unused = [/^(vit\.)?embeddings\.position_embeddings$/, /^(vit\.)?pooler\.dense\./];
  return { graphs: [vit(config)], unused };
}
