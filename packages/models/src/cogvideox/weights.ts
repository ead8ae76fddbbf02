import type { Checkpoint } from '../weights.js';
import type { CogvideoxConfig } from './config.js';
import { cogvideoxTransformer } from './model.js';

/** Every tensor of the checkpoint is used. */
export function cogvideoxCheckpoint(config: CogvideoxConfig): Checkpoint {
  return { graphs: [cogvideoxTransformer(config)], unused: [] };
}
