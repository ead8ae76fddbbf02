import type { Checkpoint } from '../weights.js';
import type { HunyuanConfig } from './config.js';
import { hunyuanTransformer } from './model.js';

/** Every tensor of the checkpoint is used. */
export function hunyuanCheckpoint(config: HunyuanConfig): Checkpoint {
  return { graphs: [hunyuanTransformer(config)], unused: [] };
}
