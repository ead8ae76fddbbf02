import type { Checkpoint } from '../weights.js';
import type { TinyVaeConfig } from './config.js';
import { tinyVaeDecoder, tinyVaeEncoder } from './model.js';

/** In the original's layout the two graphs have a file each, with names that mean other tensors. */
export function tinyVaeCheckpoint(config: TinyVaeConfig): Checkpoint {
  const side = 2 ** (config.encoderBlocks.length - 1);
  const graphs = [
    tinyVaeEncoder(config, { height: side, width: side }),
    tinyVaeDecoder(config, { height: 1, width: 1 }),
  ];
  return { graphs, unused: [] };
}
