import { compareWeights, type StoredTensor, type WeightDifferences } from '../weights.js';
import type { DitConfig } from './config.js';
import { dit } from './model.js';

/** How a checkpoint differs from its config. */
export function compareDitWeights(
  config: DitConfig,
  stored: ReadonlyMap<string, StoredTensor>,
): WeightDifferences {
  return compareWeights(dit(config).weights, stored);
}
