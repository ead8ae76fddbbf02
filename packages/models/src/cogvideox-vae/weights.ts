import type { Checkpoint } from '../weights.js';
import { type CogvideoxVaeConfig, cogvideoxVaeFactors } from './config.js';
import { cogvideoxVaeDecoder, cogvideoxVaeEncoder } from './model.js';

/** Weights do not depend on the size of a clip. */
export function cogvideoxVaeCheckpoint(config: CogvideoxVaeConfig): Checkpoint {
  const { space } = cogvideoxVaeFactors(config);
  const one = { chunk: 'first', frames: 1 } as const;
  const graphs = [
    cogvideoxVaeEncoder(config, { ...one, height: space, width: space }),
    cogvideoxVaeDecoder(config, { ...one, height: 1, width: 1 }),
  ];
  return { graphs, unused: [] };
}
