import type { Checkpoint } from '../weights.js';
import type { ClipTextConfig } from './clip-config.js';
import { clipTextEncoder } from './clip-model.js';
import type { TextEncoderConfig } from './config.js';
import type { LlamaConfig } from './llama-config.js';
import { llamaEncoder } from './llama-model.js';
import { textEncoder } from './model.js';

/** A whole T5 has a decoder too, and the embedding under a second name. */
export function textEncoderCheckpoint(config: TextEncoderConfig): Checkpoint {
  const unused = [/^decoder\./, /^lm_head\./, /^encoder\.embed_tokens\.weight$/];
  return { graphs: [textEncoder(config, { maxLength: 1 })], unused };
}

/** A whole CLIP has a vision part too; some files hold the numbers of positions. */
export function clipTextCheckpoint(config: ClipTextConfig): Checkpoint {
  const unused = [
    /^(text_model\.)?embeddings\.position_ids$/,
    /^vision_model\./,
    /^(visual|text)_projection\./,
    /^logit_scale$/,
  ];
  return { graphs: [clipTextEncoder(config)], unused };
}

/** A whole Llama has a layer for the next word too. */
export function llamaCheckpoint(config: LlamaConfig): Checkpoint {
  const unused = [/^lm_head\./, /\.rotary_emb\.inv_freq$/];
  return { graphs: [llamaEncoder(config)], unused };
}
