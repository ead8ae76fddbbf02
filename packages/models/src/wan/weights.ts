import type { StoredTensor, WeightDifferences } from '../weights.js';
import { compareWeights } from '../weights.js';
import type { WanConfig } from './config.js';
import { wanTransformer } from './model.js';

/** Norms of the image query that some published files hold and no code uses. */
const withoutUse = /\.norm_added_q\.weight$/;

/** How a transformer's checkpoint differs from its config. */
export function compareWanWeights(
  config: WanConfig,
  stored: ReadonlyMap<string, StoredTensor>,
): WeightDifferences {
  return compareWeights(wanTransformer(config).weights, stored, withoutUse);
}
