import type { OriginalNames, OriginalPart } from '../original-names.js';
import { storedRows } from '../original-names.js';
import type { FluxConfig } from './config.js';
import { fluxTransformer } from './model.js';

/** A layer of black-forest-labs/flux (src/flux/model.py) and the layers it is here. */
type Layer = readonly [original: string, ours: readonly string[]];

const embedders: readonly Layer[] = [
  ['time_in', ['time_text_embed.timestep_embedder']],
  ['vector_in', ['time_text_embed.text_embedder']],
  ['guidance_in', ['time_text_embed.guidance_embedder']],
].flatMap(([original, [ours]]): Layer[] => [
  [`${original}.in_layer`, [`${ours}.linear_1`]],
  [`${original}.out_layer`, [`${ours}.linear_2`]],
]);

const outer: readonly Layer[] = [
  ...embedders,
  ['txt_in', ['context_embedder']],
  ['img_in', ['x_embedder']],
  ['final_layer.linear', ['proj_out']],
];

const doubleLayers: readonly Layer[] = [
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

const singleLayers: readonly Layer[] = [
  ['modulation.lin', ['norm.linear']],
  ['linear1', ['attn.to_q', 'attn.to_k', 'attn.to_v', 'proj_mlp']],
  ['linear2', ['proj_out']],
  ['norm.query_norm', ['attn.norm_q']],
  ['norm.key_norm', ['attn.norm_k']],
];

/** Names in black-forest-labs' files, with the parts of diffusers' layers that each holds. */
export function fluxOriginalNames(config: FluxConfig): OriginalNames {
  const rows = storedRows(fluxTransformer(config));
  const names = new Map<string, readonly OriginalPart[]>();
  const add = ([original, ours]: Layer, theirs = '', here = '') => {
    for (const kind of ['weight', 'bias']) {
      const parts = ours.flatMap((layer): OriginalPart[] => {
        const name = `${here}${layer}.${kind}`;
        const count = rows.get(name);
        return count === undefined ? [] : [{ name, rows: count }];
      });
      const isNorm = /_norm$/.test(original);
      if (parts.length > 0) names.set(`${theirs}${original}.${isNorm ? 'scale' : kind}`, parts);
    }
  };
  for (const layer of outer) add(layer);
  for (let i = 0; i < config.doubleLayers; i++)
    for (const layer of doubleLayers) add(layer, `double_blocks.${i}.`, `transformer_blocks.${i}.`);
  for (let i = 0; i < config.singleLayers; i++)
    for (const layer of singleLayers)
      add(layer, `single_blocks.${i}.`, `single_transformer_blocks.${i}.`);
  // Theirs is shift, then scale.
  for (const kind of ['weight', 'bias']) {
    const half = { name: `norm_out.linear.${kind}`, rows: config.hiddenSize };
    names.set(`final_layer.adaLN_modulation.1.${kind}`, [{ ...half, at: half.rows }, half]);
  }
  return names;
}
