import { describe as text } from '@tubelet/graph';
import { goldensFolder, readSafetensorsFixture } from '@tubelet/testing';
import { describe, expect, test } from 'vitest';
import {
  packWan,
  parseWanConfig,
  rotaryTables,
  timestepRows,
  wanCheckpoint,
  wanTransformer,
} from '../src/index.js';

const small = parseWanConfig({
  num_attention_heads: 2,
  attention_head_dim: 12,
  num_layers: 1,
  in_channels: 3,
  out_channels: 2,
  text_dim: 5,
  ffn_dim: 7,
  freq_dim: 6,
  rope_max_seq_len: 8,
});
const withImage = parseWanConfig({
  num_attention_heads: 2,
  attention_head_dim: 12,
  num_layers: 1,
  image_dim: 5,
  added_kv_proj_dim: 24,
  pos_embed_seq_len: 4,
});

describe('rotary tables', () => {
  const { cos, sin } = rotaryTables(small, { frames: 2, height: 2, width: 6 });

  test('the first token is at the origin of all axes', () => {
    expect([...cos.slice(0, 6)]).toEqual([1, 1, 1, 1, 1, 1]);
    expect([...sin.slice(0, 6)]).toEqual([0, 0, 0, 0, 0, 0]);
  });

  test('columns are time, height, width; the last token is at (1, 0, 2)', () => {
    const last = [1, 10_000 ** -0.5, 0, 0, 2, 2 * 10_000 ** -0.5];
    expect([...cos.slice(-6)]).toEqual(last.map((angle) => Math.fround(Math.cos(angle))));
    expect([...sin.slice(-6)]).toEqual(last.map((angle) => Math.fround(Math.sin(angle))));
  });

  test('sizes that do not fit are refused', () => {
    expect(() => rotaryTables(small, { frames: 1, height: 3, width: 2 })).toThrow(
      '[wan] latent height must be = a multiple of 2 up to 16, got 3',
    );
    expect(() => rotaryTables(small, { frames: 9, height: 2, width: 2 })).toThrow('latent frames');
    expect(() => rotaryTables(small, { frames: 0, height: 2, width: 2 })).toThrow('got 0');
  });
});

const goldens = goldensFolder();
// The goldens are not part of the repository.
describe.skipIf(!goldens)('rotary tables of the original', () => {
  test.each([
    ['t2v-2.1-dim32', 32, [1, 2, 2], [3, 6, 10]],
    ['t2v-2.1-dim40', 40, [1, 2, 2], [5, 6, 10]],
    ['t2v-2.1-dim64', 64, [2, 1, 2], [4, 5, 6]],
  ])('%s, to the bit', async (name, headDim, patch_size, [frames, height, width]) => {
    const io = await readSafetensorsFixture(`${goldens}/wan/${name}/io.safetensors`);
    const config = parseWanConfig({ attention_head_dim: headDim, patch_size });
    const tables = rotaryTables(config, { frames: frames, height: height, width: width });
    // The original repeats every value.
    const every2nd = (key: string) => io.get(key)!.values.filter((_, i) => i % 2 === 0);
    expect([...tables.cos]).toEqual([...every2nd('mid.rope_cos')]);
    expect([...tables.sin]).toEqual([...every2nd('mid.rope_sin')]);
  });
});

describe('packing', () => {
  const packing = packWan(small, [
    { frames: 2, height: 2, width: 4, textTokens: 3 },
    { frames: 1, height: 4, width: 2, textTokens: 1, rows: 2, rowOf: [1, 0] },
    { frames: 3, height: 2, width: 2, textTokens: 2, rows: 2, rowOf: [1, 0, 0] },
  ]);

  test('clips stand one after another', () => {
    expect(packing.sizes).toEqual({
      segments: 3,
      elements: 3 * (16 + 8 + 12),
      outputElements: 2 * (16 + 8 + 12),
      tokens: 4 + 2 + 3,
      rows: 5,
      textTokens: 6,
    });
    expect([...packing.inputs.geometry]).toEqual([0, 0, 2, 2, 4, 48, 4, 1, 4, 2, 72, 6, 3, 2, 2]);
    expect([...packing.inputs.outputGeometry]).toEqual([
      0, 0, 2, 2, 4, 32, 4, 1, 4, 2, 48, 6, 3, 2, 2,
    ]);
    expect([...packing.inputs.selfSegments]).toEqual([0, 4, 0, 4, 4, 6, 4, 6, 6, 9, 6, 9]);
    expect([...packing.inputs.crossSegments]).toEqual([0, 4, 0, 3, 4, 6, 3, 4, 6, 9, 4, 6]);
  });

  test('rows are per clip, per token or per frame', () => {
    expect([...packing.inputs.row]).toEqual([0, 0, 0, 0, 2, 1, 4, 3, 3]);
  });

  test('tables are those of each clip alone', () => {
    const alone = rotaryTables(small, { frames: 3, height: 2, width: 2 });
    expect(packing.inputs.cos.slice(6 * 6)).toEqual(alone.cos);
    expect(packing.inputs.sin.slice(6 * 6)).toEqual(alone.sin);
  });

  test('inputs and sizes are exactly those of the graph', () => {
    for (const [config, clip] of [
      [small, {}],
      [withImage, { imageTokens: 4 }],
    ] as const) {
      const graph = wanTransformer(config);
      const { inputs, sizes } = packWan(config, [
        { frames: 1, height: 2, width: 2, textTokens: 1, ...clip },
      ]);
      const data = ['latents', 'timestep', 'text', ...(config.imageDim ? ['image'] : [])];
      expect([...Object.keys(inputs), ...data].sort()).toEqual(
        graph.inputs.map(({ name }) => name).sort(),
      );
      expect(Object.keys(sizes).sort()).toEqual([...graph.symbols].sort());
    }
  });

  const clip = { frames: 2, height: 2, width: 4, textTokens: 3 };
  test.each([
    ['[wan] clips must be = at least one, got none', small, []],
    ['[wan] text tokens must be = at least one, got 0', small, [{ ...clip, textTokens: 0 }]],
    [
      '[wan] rowOf must be = one per frame (2) or per token (4), got 3',
      small,
      [{ ...clip, rowOf: [0, 0, 0] }],
    ],
    ['[wan] rowOf[1] must be = below rows 1, got 1', small, [{ ...clip, rowOf: [0, 1] }]],
    [
      '[wan] image tokens must be = none, as the model takes no image, got 4',
      small,
      [{ ...clip, imageTokens: 4 }],
    ],
    ['[wan] image tokens must be = 4, got 2', withImage, [{ ...clip, imageTokens: 2 }]],
    [
      '[wan] image tokens must be = at least one, got 0',
      { ...withImage, imagePositions: null },
      [clip],
    ],
  ])('%s', (message, config, clips) => {
    expect(() => packWan(config, clips)).toThrow(message);
  });
});

test('one timestep per token becomes few rows', () => {
  const { rows, rowOf } = timestepRows([0, 0, 999.1, 0, 999.1]);
  expect([...rows]).toEqual([0, Math.fround(999.1)]);
  expect([...rowOf]).toEqual([0, 0, 1, 0, 1]);
});

test('the graph reads like the model', () => {
  const lines = text(wanTransformer(small)).split('\n');
  expect(lines).toContain(
    'blocks.0.adaln = adaln(patch_embedding, modulation=blocks.0.scale_shift_table, row=row, epsilon=0.000001, shiftColumn=0, scaleColumn=24) [tokens, 24]',
  );
  expect(lines.at(-1)).toBe('output prediction = unpatchify [outputElements]');
});

test('Wan 2.1 T2V 1.3B has the 825 tensors of the published checkpoint', () => {
  const config = parseWanConfig({ num_attention_heads: 12, ffn_dim: 8960, num_layers: 30 });
  const sources = wanCheckpoint(config).graphs.flatMap((graph) =>
    graph.weights.flatMap((w) => w.sources),
  );
  const names = new Set(sources.flatMap(({ names }) => names));
  expect(names.size).toBe(30 * 27 + 15);
  expect(names).toContain('blocks.29.attn2.to_out.0.bias');
});
