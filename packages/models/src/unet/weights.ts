import type { Checkpoint } from '../weights.js';
import type { UnetConfig } from './config.js';
import { unet } from './model.js';

/** Weights do not depend on the size of a picture, nor on how many sizes are conditions. */
export function unetCheckpoint(config: UnetConfig): Checkpoint {
  const side = 2 ** (config.down.length - 1);
  const graph = unet(config, { height: side, width: side, textTokens: [1] }, { sizeCount: 1 });
  return { graphs: [graph], unused: [] };
}
