import type { Checkpoint } from '../weights.js';
import type { VivitConfig } from './config.js';
import { vivit } from './model.js';

/** Positions are read apart; a pooler may be there or not. */
export function vivitCheckpoint(config: VivitConfig): Checkpoint {
  const unused = [/^(\w+\.)*position_embeddings$/, /^(vivit\.)?pooler\.dense\./];
  return { graphs: [vivit(config)], unused };
}
