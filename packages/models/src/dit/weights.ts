import type { Checkpoint } from '../weights.js';
import type { DitConfig } from './config.js';
import { dit } from './model.js';

/** Every tensor of the checkpoint is used. */
export function ditCheckpoint(config: DitConfig): Checkpoint {
  return { graphs: [dit(config)], unused: [] };
}
