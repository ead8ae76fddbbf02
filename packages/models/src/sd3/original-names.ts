import {
  layerNames,
  type OriginalLayer,
  type OriginalNames,
  type OriginalPart,
  storedRows,
  swappedHalves,
} from '../original-names.js';
import type { Sd3Config } from './config.js';
import { sd3Transformer } from './model.js';

const outer: readonly OriginalLayer[] = [
  ['x_embedder.proj', ['pos_embed.proj']],
  ['context_embedder', ['context_embedder']],
  ['t_embedder.mlp.0', ['time_text_embed.timestep_embedder.linear_1']],
  ['t_embedder.mlp.2', ['time_text_embed.timestep_embedder.linear_2']],
  ['y_embedder.mlp.0', ['time_text_embed.text_embedder.linear_1']],
  ['y_embedder.mlp.2', ['time_text_embed.text_embedder.linear_2']],
  ['final_layer.linear', ['proj_out']],
];

const imageLayers: readonly OriginalLayer[] = [
  ['adaLN_modulation.1', ['norm1.linear']],
  ['attn.qkv', ['attn.to_q', 'attn.to_k', 'attn.to_v']],
  ['attn.ln_q', ['attn.norm_q']],
  ['attn.ln_k', ['attn.norm_k']],
  ['attn.proj', ['attn.to_out.0']],
  ['attn2.qkv', ['attn2.to_q', 'attn2.to_k', 'attn2.to_v']],
  ['attn2.ln_q', ['attn2.norm_q']],
  ['attn2.ln_k', ['attn2.norm_k']],
  ['attn2.proj', ['attn2.to_out.0']],
  ['mlp.fc1', ['ff.net.0.proj']],
  ['mlp.fc2', ['ff.net.2']],
];

const textLayers: readonly OriginalLayer[] = [
  ['adaLN_modulation.1', ['norm1_context.linear']],
  ['attn.qkv', ['attn.add_q_proj', 'attn.add_k_proj', 'attn.add_v_proj']],
  ['attn.ln_q', ['attn.norm_added_q']],
  ['attn.ln_k', ['attn.norm_added_k']],
  ['attn.proj', ['attn.to_add_out']],
  ['mlp.fc1', ['ff_context.net.0.proj']],
  ['mlp.fc2', ['ff_context.net.2']],
];

/** Those of Stability-AI/sd3.5 (mmditx.py). The last block's text has queries that nothing asks for, and shift before scale. */
export function sd3OriginalNames(config: Sd3Config): OriginalNames {
  const { hiddenSize, heads, layers } = config;
  const rows = new Map(storedRows(sd3Transformer(config)));
  const last = `transformer_blocks.${layers - 1}`;
  for (const kind of ['weight', 'bias']) rows.set(`${last}.attn.add_q_proj.${kind}`, hiddenSize);
  if (config.qkNorm) rows.set(`${last}.attn.norm_added_q.weight`, hiddenSize / heads);
  const blocks = Array.from({ length: layers }, (_, i) => {
    const [theirs, here] = [`joint_blocks.${i}`, `transformer_blocks.${i}.`];
    return [
      ...layerNames(rows, imageLayers, `${theirs}.x_block.`, here),
      ...layerNames(rows, textLayers, `${theirs}.context_block.`, here),
    ];
  });
  const textOfLast = `joint_blocks.${layers - 1}.context_block.adaLN_modulation.1`;
  const positions: [string, readonly OriginalPart[]] = [
    'pos_embed',
    [{ name: 'pos_embed.pos_embed', rows: 1 }],
  ];
  return new Map([
    ...layerNames(rows, outer),
    positions,
    ...blocks.flat(),
    ...swappedHalves(textOfLast, `${last}.norm1_context.linear`, hiddenSize),
    ...swappedHalves('final_layer.adaLN_modulation.1', 'norm_out.linear', hiddenSize),
  ]);
}
