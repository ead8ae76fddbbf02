import {
  fluxCheckpoint,
  fluxOriginalNames,
  ltxCheckpoint,
  ltxOriginalNames,
  type OriginalNames,
  parseFluxConfig,
  parseLtxConfig,
  parsePixartConfig,
  parseSd3Config,
  parseWanConfig,
  pixartCheckpoint,
  pixartOriginalNames,
  sd3Checkpoint,
  sd3OriginalNames,
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

/** Weights and biases of layers. */
const ends = (before: string, ...after: string[]) =>
  after.flatMap((name) => [`${before}${name}.weight`, `${before}${name}.bias`]);

describe('sd3OriginalNames', () => {
  const config = parseSd3Config({
    num_layers: 2,
    num_attention_heads: 2,
    attention_head_dim: 8,
    caption_projection_dim: 16,
    qk_norm: 'rms_norm',
    dual_attention_layers: [0],
  });
  const names = sd3OriginalNames(config);

  it('has what the authors name, and nothing else', () => {
    const norms = (before: string) => ['ln_q', 'ln_k'].map((name) => `${before}.${name}.weight`);
    const part = (name: string) => [
      ...ends(`${name}.`, 'adaLN_modulation.1', 'attn.qkv', 'attn.proj', 'mlp.fc1', 'mlp.fc2'),
      ...norms(`${name}.attn`),
    ];
    const expected = [
      'pos_embed',
      ...ends('', 'x_embedder.proj', 'context_embedder', 'final_layer.linear'),
      ...ends('', 'final_layer.adaLN_modulation.1'),
      ...ends('t_embedder.mlp.', '0', '2'),
      ...ends('y_embedder.mlp.', '0', '2'),
      ...part('joint_blocks.0.x_block'),
      ...part('joint_blocks.0.context_block'),
      ...ends('joint_blocks.0.x_block.attn2.', 'qkv', 'proj'),
      ...norms('joint_blocks.0.x_block.attn2'),
      ...part('joint_blocks.1.x_block'),
      ...ends('joint_blocks.1.context_block.', 'adaLN_modulation.1', 'attn.qkv'),
      ...norms('joint_blocks.1.context_block.attn'),
    ];
    expect([...names.keys()].sort()).toEqual(expected.sort());
  });

  it('turns the last shifts and scales around, and has queries that are of no use', () => {
    const halves = (name: string) => [
      { name, rows: 16, at: 16 },
      { name, rows: 16 },
    ];
    expect(names.get('final_layer.adaLN_modulation.1.weight')).toEqual(
      halves('norm_out.linear.weight'),
    );
    expect(names.get('joint_blocks.1.context_block.adaLN_modulation.1.bias')).toEqual(
      halves('transformer_blocks.1.norm1_context.linear.bias'),
    );
    expect(names.get('joint_blocks.1.context_block.attn.qkv.bias')).toEqual(
      ['q', 'k', 'v'].map((kind) => {
        return { name: `transformer_blocks.1.attn.add_${kind}_proj.bias`, rows: 16 };
      }),
    );
  });

  it('makes every tensor once', () => {
    expectAllMade(names, sd3Checkpoint(config));
  });
});

describe('pixartOriginalNames', () => {
  const config = parsePixartConfig({
    num_layers: 1,
    num_attention_heads: 2,
    attention_head_dim: 12,
    cross_attention_dim: 24,
    use_additional_conditions: true,
  });
  const names = pixartOriginalNames(config);

  it('has what the authors name, and nothing else', () => {
    const block = 'blocks.0.';
    const expected = [
      ...ends('', 'x_embedder.proj', 't_block.1', 'final_layer.linear'),
      ...['t_embedder', 'csize_embedder', 'ar_embedder'].flatMap((name) =>
        ends(`${name}.mlp.`, '0', '2'),
      ),
      ...ends('y_embedder.y_proj.', 'fc1', 'fc2'),
      'final_layer.scale_shift_table',
      `${block}scale_shift_table`,
      ...ends(block, 'attn.qkv', 'attn.proj', 'mlp.fc1', 'mlp.fc2'),
      ...ends(`${block}cross_attn.`, 'q_linear', 'kv_linear', 'proj'),
    ];
    expect([...names.keys()].sort()).toEqual(expected.sort());
  });

  it('makes every tensor once', () => {
    expectAllMade(names, pixartCheckpoint(config));
  });
});

describe('ltxOriginalNames', () => {
  const config = parseLtxConfig({ num_layers: 1 });
  const names = ltxOriginalNames(config);

  it('has other names for the ends and the norms only', () => {
    const others = [...names].filter(([name, [part]]) => name !== part!.name);
    expect(others.map(([name]) => name).sort()).toEqual(
      [
        ...ends('', 'patchify_proj', 'adaln_single.linear'),
        ...ends('adaln_single.emb.timestep_embedder.', 'linear_1', 'linear_2'),
        ...['attn1.q_norm', 'attn1.k_norm', 'attn2.q_norm', 'attn2.k_norm'].map(
          (name) => `transformer_blocks.0.${name}.weight`,
        ),
      ].sort(),
    );
  });

  it('makes every tensor once', () => {
    expectAllMade(names, ltxCheckpoint(config));
  });
});
