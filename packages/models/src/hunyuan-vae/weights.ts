import type { Checkpoint } from '../weights.js';
import { type HunyuanVaeConfig, spaceFactorOf } from './config.js';
import { hunyuanVaeDecoder, hunyuanVaeEncoder } from './model.js';

/** Weights do not depend on the size of a clip. */
export function hunyuanVaeCheckpoint(config: HunyuanVaeConfig): Checkpoint {
  const side = spaceFactorOf(config);
  const graphs = [
    hunyuanVaeEncoder(config, { frames: 1, height: side, width: side }),
    hunyuanVaeDecoder(config, { frames: 1, height: 1, width: 1 }),
  ];
  return { graphs, unused: [] };
}
