import {
  fluxCheckpoint,
  fluxOriginalNames,
  type OriginalNames,
  parseFluxConfig,
  parseWanConfig,
  wanCheckpoint,
  wanOriginalNames,
} from '@tubelet/models';
import { describe, expect, it } from 'vitest';

/** Every tensor of ours is made of rows that follow one another, and nothing of it is made twice. */
function expectAllMade(names: OriginalNames, { graphs }: ReturnType<typeof wanCheckpoint>) {
  const sources = graphs[0].weights.flatMap((request) => request.sources);
  const stored = new Map(sources.map(({ names, shape }) => [names[0], shape[0]]));
  for (const [name, rows] of stored) {
    const parts = [...names.values()].flat().filter((part) => part.name === name);
    const covered = parts.toSorted((a, b) => (a.at ?? 0) - (b.at ?? 0));
    let end = 0;
    for (const { at = 0, rows } of covered) {
      expect(`${name} ${at}`).toBe(`${name} ${end}`);
      end += rows;
    }
    expect(`${name} ${end}`).toBe(`${name} ${rows}`);
  }
}

describe('wanOriginalNames', () => {
  const config = parseWanConfig({
    num_layers: 2,
    image_dim: 6,
    pos_embed_seq_len: 4,
    added_kv_proj_dim: 5120,
  });
  const names = wanOriginalNames(config);

  it('has what the authors name, and nothing else', () => {
    const ends = (before: string, ...after: string[]) =>
      after.flatMap((name) => [`${before}${name}.weight`, `${before}${name}.bias`]);
    const block = (i: number) => [
      ...ends(`blocks.${i}.self_attn.`, 'q', 'k', 'v', 'o'),
      ...ends(`blocks.${i}.cross_attn.`, 'q', 'k', 'v', 'o', 'k_img', 'v_img'),
      ...['self_attn.norm_q', 'self_attn.norm_k'].map((name) => `blocks.${i}.${name}.weight`),
      ...['norm_q', 'norm_k', 'norm_k_img'].map((name) => `blocks.${i}.cross_attn.${name}.weight`),
      ...ends(`blocks.${i}.`, 'norm3', 'ffn.0', 'ffn.2'),
      `blocks.${i}.modulation`,
    ];
    const expected = [
      ...ends('', 'patch_embedding', 'text_embedding.0', 'text_embedding.2'),
      ...ends('', 'time_embedding.0', 'time_embedding.2', 'time_projection.1', 'head.head'),
      ...ends('img_emb.proj.', '0', '1', '3', '4'),
      'img_emb.emb_pos',
      'head.modulation',
      ...block(0),
      ...block(1),
    ];
    expect([...names.keys()].sort()).toEqual(expected.sort());
  });

  it('makes every tensor once', () => {
    expectAllMade(names, wanCheckpoint(config));
  });
});

describe('fluxOriginalNames', () => {
  const config = parseFluxConfig({ num_layers: 1, num_single_layers: 1, guidance_embeds: true });
  const names = fluxOriginalNames(config);

  it('has what the authors name, and nothing else', () => {
    const ends = (before: string, ...after: string[]) =>
      after.flatMap((name) => [`${before}${name}.weight`, `${before}${name}.bias`]);
    const stream = (side: string) => [
      ...ends(`double_blocks.0.${side}_`, 'mod.lin', 'attn.qkv', 'attn.proj', 'mlp.0', 'mlp.2'),
      `double_blocks.0.${side}_attn.norm.query_norm.scale`,
      `double_blocks.0.${side}_attn.norm.key_norm.scale`,
    ];
    const expected = [
      ...ends('', 'img_in', 'txt_in', 'final_layer.linear', 'final_layer.adaLN_modulation.1'),
      ...['time_in', 'vector_in', 'guidance_in'].flatMap((name) =>
        ends(`${name}.`, 'in_layer', 'out_layer'),
      ),
      ...stream('img'),
      ...stream('txt'),
      ...ends('single_blocks.0.', 'modulation.lin', 'linear1', 'linear2'),
      'single_blocks.0.norm.query_norm.scale',
      'single_blocks.0.norm.key_norm.scale',
    ];
    expect([...names.keys()].sort()).toEqual(expected.sort());
  });

  it('splits what they fuse, by rows, and turns shift and scale around', () => {
    expect(names.get('single_blocks.0.linear1.weight')).toEqual([
      { name: 'single_transformer_blocks.0.attn.to_q.weight', rows: 3072 },
      { name: 'single_transformer_blocks.0.attn.to_k.weight', rows: 3072 },
      { name: 'single_transformer_blocks.0.attn.to_v.weight', rows: 3072 },
      { name: 'single_transformer_blocks.0.proj_mlp.weight', rows: 12_288 },
    ]);
    expect(names.get('final_layer.adaLN_modulation.1.bias')).toEqual([
      { name: 'norm_out.linear.bias', rows: 3072, at: 3072 },
      { name: 'norm_out.linear.bias', rows: 3072 },
    ]);
  });

  it('makes every tensor once', () => {
    expectAllMade(names, fluxCheckpoint(config));
  });
});
