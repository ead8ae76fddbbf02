import type { Checkpoint } from '../weights.js';
import { type KlVaeConfig, klVaeFactor } from './config.js';
import { klVaeDecoder, klVaeEncoder } from './model.js';

/** Weights do not depend on the size of a picture. */
export function klVaeCheckpoint(config: KlVaeConfig): Checkpoint {
  const side = klVaeFactor(config);
  const graphs = [
    klVaeEncoder(config, { height: side, width: side }),
    klVaeDecoder(config, { height: 1, width: 1 }),
  ];
  return { graphs, unused: [] };
}
