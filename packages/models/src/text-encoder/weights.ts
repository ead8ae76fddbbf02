import type { Checkpoint } from '../weights.js';
import type { TextEncoderConfig } from './config.js';
import { textEncoder } from './model.js';

/** A whole T5 has a decoder too, and the embedding under a second name. */
export function textEncoderCheckpoint(config: TextEncoderConfig): Checkpoint {
  const unused = [/^decoder\./, /^lm_head\./, /^encoder\.embed_tokens\.weight$/];
  return { graphs: [textEncoder(config, { maxLength: 1 })], unused };
}
