import { compareWeights, type StoredTensor, type WeightDifferences } from '../weights.js';
import type { TextEncoderConfig } from './config.js';
import { textEncoder } from './model.js';

/** What a whole T5 has beside its encoder, and the embedding's second name. */
const withoutUse = /^(decoder\.|lm_head\.|encoder\.embed_tokens\.weight$)/;

/** How a text encoder's checkpoint differs from its config. */
export function compareTextEncoderWeights(
  config: TextEncoderConfig,
  stored: ReadonlyMap<string, StoredTensor>,
): WeightDifferences {
  return compareWeights(textEncoder(config, { maxLength: 1 }).weights, stored, withoutUse);
}
