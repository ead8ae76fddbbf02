import type { Checkpoint } from '../weights.js';
import type { LtxVaeConfig } from './config.js';
import { ltxVaeDecoder, ltxVaeEncoder } from './model.js';

/** Weights do not depend on the size of a clip. Means and deviations of latents, which pipelines apply, lie in the file too. */
export function ltxVaeCheckpoint(config: LtxVaeConfig): Checkpoint {
  const side = config.patchSize * 2 ** config.down.length;
  const graphs = [
    ltxVaeEncoder(config, { frames: 1, height: side, width: side }),
    ltxVaeDecoder(config, { frames: 1, height: 1, width: 1 }),
  ];
  return { graphs, unused: [/^latents_(mean|std)$/] };
}
