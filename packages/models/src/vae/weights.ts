import type { Checkpoint } from '../weights.js';
import { vaeFactors, type WanVaeConfig } from './config.js';
import { wanVaeDecoder } from './decoder.js';
import { wanVaeEncoder } from './encoder.js';

/** Weights do not depend on the size of a clip: the graphs of the smallest one have them all. */
export function wanVaeCheckpoint(config: WanVaeConfig): Checkpoint {
  const { space } = vaeFactors(config);
  const graphs = [
    wanVaeEncoder(config, { chunk: 'steady', height: space, width: space }),
    wanVaeDecoder(config, { chunk: 'steady', height: 1, width: 1 }),
  ];
  return { graphs, unused: [] };
}
