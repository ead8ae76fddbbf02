import type { Checkpoint } from '../weights.js';
import { type MochiVaeConfig, mochiVaeFactors } from './config.js';
import { mochiVaeDecoder, mochiVaeEncoder } from './model.js';

/** Weights do not depend on the size of a clip. */
export function mochiVaeCheckpoint(config: MochiVaeConfig): Checkpoint {
  const side = mochiVaeFactors(config).space;
  const graphs = [
    mochiVaeEncoder(config, { frames: 1, height: side, width: side }),
    mochiVaeDecoder(config, { chunk: 'first', height: 1, width: 1 }),
  ];
  return { graphs, unused: [] };
}
