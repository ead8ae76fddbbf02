import type { Checkpoint } from '../weights.js';
import type { LtxConfig } from './config.js';
import { ltxTransformer } from './model.js';

/** Every tensor of the checkpoint is used. */
export function ltxCheckpoint(config: LtxConfig): Checkpoint {
  return { graphs: [ltxTransformer(config)], unused: [] };
}
