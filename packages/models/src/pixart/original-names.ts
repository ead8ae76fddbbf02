import {
  layerNames,
  type OriginalLayer,
  type OriginalNames,
  storedRows,
} from '../original-names.js';
import type { PixartConfig } from './config.js';
import { pixart } from './model.js';

const embedders: readonly OriginalLayer[] = [
  ['t_embedder', 'timestep_embedder'],
  ['csize_embedder', 'resolution_embedder'],
  ['ar_embedder', 'aspect_ratio_embedder'],
].flatMap(([original, ours]): OriginalLayer[] => [
  [`${original}.mlp.0`, [`adaln_single.emb.${ours}.linear_1`]],
  [`${original}.mlp.2`, [`adaln_single.emb.${ours}.linear_2`]],
]);

const outer: readonly OriginalLayer[] = [
  ...embedders,
  ['x_embedder.proj', ['pos_embed.proj']],
  ['y_embedder.y_proj.fc1', ['caption_projection.linear_1']],
  ['y_embedder.y_proj.fc2', ['caption_projection.linear_2']],
  ['t_block.1', ['adaln_single.linear']],
  ['final_layer.linear', ['proj_out']],
];

const blockLayers: readonly OriginalLayer[] = [
  ['attn.qkv', ['attn1.to_q', 'attn1.to_k', 'attn1.to_v']],
  ['attn.proj', ['attn1.to_out.0']],
  ['cross_attn.q_linear', ['attn2.to_q']],
  ['cross_attn.kv_linear', ['attn2.to_k', 'attn2.to_v']],
  ['cross_attn.proj', ['attn2.to_out.0']],
  ['mlp.fc1', ['ff.net.0.proj']],
  ['mlp.fc2', ['ff.net.2']],
];

/** Those of PixArt-alpha/PixArt-sigma (diffusion/model/nets/PixArtMS.py). */
export function pixartOriginalNames(config: PixartConfig): OriginalNames {
  const rows = storedRows(pixart(config));
  const numbers = Array.from({ length: config.layers }, (_, i) => i);
  const table = 'scale_shift_table';
  return new Map([
    ...layerNames(rows, outer),
    ...numbers.flatMap((i) =>
      layerNames(rows, blockLayers, `blocks.${i}.`, `transformer_blocks.${i}.`),
    ),
    [`final_layer.${table}`, [{ name: table, rows: 2 }]],
    ...numbers.map((i) => {
      const part = { name: `transformer_blocks.${i}.${table}`, rows: 6 };
      return [`blocks.${i}.${table}`, [part]] as const;
    }),
  ]);
}
