import { type OriginalNames, storedRows } from '../original-names.js';
import type { WanConfig } from './config.js';
import { wanTransformer } from './model.js';

/** Ours to those of Wan-Video/Wan2.1 (wan/modules/model.py), tried in order. */
const renames: readonly (readonly [RegExp, string])[] = [
  [/^condition_embedder\.time_embedder\.linear_1\./, 'time_embedding.0.'],
  [/^condition_embedder\.time_embedder\.linear_2\./, 'time_embedding.2.'],
  [/^condition_embedder\.time_proj\./, 'time_projection.1.'],
  [/^condition_embedder\.text_embedder\.linear_1\./, 'text_embedding.0.'],
  [/^condition_embedder\.text_embedder\.linear_2\./, 'text_embedding.2.'],
  [/^condition_embedder\.image_embedder\.norm1\./, 'img_emb.proj.0.'],
  [/^condition_embedder\.image_embedder\.ff\.net\.0\.proj\./, 'img_emb.proj.1.'],
  [/^condition_embedder\.image_embedder\.ff\.net\.2\./, 'img_emb.proj.3.'],
  [/^condition_embedder\.image_embedder\.norm2\./, 'img_emb.proj.4.'],
  [/^condition_embedder\.image_embedder\.pos_embed$/, 'img_emb.emb_pos'],
  [/^scale_shift_table$/, 'head.modulation'],
  [/^proj_out\./, 'head.head.'],
  [/\.scale_shift_table$/, '.modulation'],
  [/\.norm2\./, '.norm3.'],
  [/\.attn1\./, '.self_attn.'],
  [/\.attn2\./, '.cross_attn.'],
  [/\.to_([qkv])\./, '.$1.'],
  [/\.to_out\.0\./, '.o.'],
  [/\.add_([kv])_proj\./, '.$1_img.'],
  [/\.norm_added_k\./, '.norm_k_img.'],
  [/\.ffn\.net\.0\.proj\./, '.ffn.0.'],
  [/\.ffn\.net\.2\./, '.ffn.2.'],
];

/** Names in Wan-Video's files, with diffusers' name of each. */
export function wanOriginalNames(config: WanConfig): OriginalNames {
  const rows = storedRows(wanTransformer(config));
  return new Map(
    [...rows].map(([name, count]) => {
      const original = renames.reduce((text, [from, to]) => text.replace(from, to), name);
      return [original, [{ name, rows: count }]];
    }),
  );
}
