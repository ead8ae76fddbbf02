import { compareWeights, type StoredTensor, type WeightDifferences } from '../weights.js';
import { vaeFactors, type WanVaeConfig } from './config.js';
import { wanVaeDecoder } from './decoder.js';
import { wanVaeEncoder } from './encoder.js';

/** How an autoencoder's checkpoint differs from its config. */
export function compareWanVaeWeights(
  config: WanVaeConfig,
  stored: ReadonlyMap<string, StoredTensor>,
): WeightDifferences {
  // Weights do not depend on the size: the smallest picture has all of them.
  const { space } = vaeFactors(config);
  const graphs = [
    wanVaeEncoder(config, { chunk: 'steady', height: space, width: space }),
    wanVaeDecoder(config, { chunk: 'steady', height: 1, width: 1 }),
  ];
  return compareWeights(
    graphs.flatMap((graph) => graph.weights),
    stored,
  );
}
