import type { Checkpoint } from '../weights.js';
import type { FluxConfig } from './config.js';
import { fluxTransformer } from './model.js';

/** Every tensor of the checkpoint is used. */
export function fluxCheckpoint(config: FluxConfig): Checkpoint {
  return { graphs: [fluxTransformer(config)], unused: [] };
}
