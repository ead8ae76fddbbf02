import type { Checkpoint } from '../weights.js';
import type { CogvideoxConfig } from './config.js';
import { cogvideoxTransformer } from './model.js';

export function cogvideoxCheckpoint(config: CogvideoxConfig): Checkpoint {
  return { graphs: [cogvideoxTransformer(config)], unused: [] };
}
