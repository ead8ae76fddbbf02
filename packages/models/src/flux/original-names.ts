import {
  layerNames,
  type OriginalLayer,
  type OriginalNames,
  storedRows,
  swappedHalves,
} from '../original-names.js';
import type { FluxConfig } from './config.js';
import { fluxTransformer } from './model.js';

const embedders: readonly OriginalLayer[] = [
  ['time_in', ['time_text_embed.timestep_embedder']],
  ['vector_in', ['time_text_embed.text_embedder']],
  ['guidance_in', ['time_text_embed.guidance_embedder']],
].flatMap(([original, [ours]]): OriginalLayer[] => [
  [`${original}.in_layer`, [`${ours}.linear_1`]],
  [`${original}.out_layer`, [`${ours}.linear_2`]],
]);

const outer: readonly OriginalLayer[] = [
  ...embedders,
  ['txt_in', ['context_embedder']],
  ['img_in', ['x_embedder']],
  ['final_layer.linear', ['proj_out']],
];

const doubleLayers: readonly OriginalLayer[] = [
  ['img_mod.lin', ['norm1.linear']],
  ['txt_mod.lin', ['norm1_context.linear']],
  ['img_attn.qkv', ['attn.to_q', 'attn.to_k', 'attn.to_v']],
  ['txt_attn.qkv', ['attn.add_q_proj', 'attn.add_k_proj', 'attn.add_v_proj']],
  ['img_attn.norm.query_norm', ['attn.norm_q']],
  ['img_attn.norm.key_norm', ['attn.norm_k']],
  ['txt_attn.norm.query_norm', ['attn.norm_added_q']],
  ['txt_attn.norm.key_norm', ['attn.norm_added_k']],
  ['img_attn.proj', ['attn.to_out.0']],
  ['txt_attn.proj', ['attn.to_add_out']],
  ['img_mlp.0', ['ff.net.0.proj']],
  ['img_mlp.2', ['ff.net.2']],
  ['txt_mlp.0', ['ff_context.net.0.proj']],
  ['txt_mlp.2', ['ff_context.net.2']],
];

const singleLayers: readonly OriginalLayer[] = [
  ['modulation.lin', ['norm.linear']],
  ['linear1', ['attn.to_q', 'attn.to_k', 'attn.to_v', 'proj_mlp']],
  ['linear2', ['proj_out']],
  ['norm.query_norm', ['attn.norm_q']],
  ['norm.key_norm', ['attn.norm_k']],
];

/** Those of black-forest-labs/flux (src/flux/model.py), whose norms have a `scale` for a weight. */
export function fluxOriginalNames(config: FluxConfig): OriginalNames {
  const rows = storedRows(fluxTransformer(config));
  const blocks = (count: number, layers: readonly OriginalLayer[], theirs: string, here: string) =>
    Array.from({ length: count }, (_, i) =>
      layerNames(rows, layers, `${theirs}.${i}.`, `${here}.${i}.`),
    ).flat();
  const names = [
    ...layerNames(rows, outer),
    ...blocks(config.doubleLayers, doubleLayers, 'double_blocks', 'transformer_blocks'),
    ...blocks(config.singleLayers, singleLayers, 'single_blocks', 'single_transformer_blocks'),
    ...swappedHalves('final_layer.adaLN_modulation.1', 'norm_out.linear', config.hiddenSize),
  ];
  return new Map(
    names.map(([name, parts]) => [name.replace(/_norm\.weight$/, '_norm.scale'), parts]),
  );
}
