import { expect, test } from 'vitest';
import { mochiCheckpoint, packMochi, parseMochiConfig } from '../src/index.js';

/** genmo/mochi-1-preview transformer/config.json. */
const published = {
  _class_name: 'MochiTransformer3DModel',
  activation_fn: 'swiglu',
  attention_head_dim: 128,
  in_channels: 12,
  max_sequence_length: 256,
  num_attention_heads: 24,
  num_layers: 48,
  out_channels: null,
  patch_size: 2,
  pooled_projection_dim: 1536,
  qk_norm: 'rms_norm',
  text_embed_dim: 4096,
  time_embed_dim: 256,
};

test('Mochi 1 has the published 10 billion parameters', () => {
  const { graphs } = mochiCheckpoint(parseMochiConfig(published));
  const stored = new Map(
    graphs[0].weights.flatMap(({ sources }) =>
      sources.map(({ names, shape }) => [names[0], shape.reduce((a, b) => a * b, 1)]),
    ),
  );
  expect(stored.get('transformer_blocks.0.ff.net.0.proj.weight')).toBe(2 * 8192 * 3072);
  // What files have beside: frequencies, and the last block's query of the text with its norm.
  const unused = 3 * 24 * 64 + 1536 * 3072 + 128;
  const total = [...stored.values()].reduce((a, b) => a + b, unused);
  expect(total).toBe(10_027_677_744);
});

test('absent options have the defaults, which are the published ones', () => {
  expect(parseMochiConfig({})).toEqual(parseMochiConfig(published));
});

const config = parseMochiConfig({
  num_attention_heads: 1,
  attention_head_dim: 4,
  text_embed_dim: 8,
  num_layers: 2,
});

test('what the last block of a file has without use', () => {
  const { graphs, unused } = mochiCheckpoint(config);
  const isUnused = (name: string) => unused.some((pattern) => pattern.test(name));
  expect(isUnused('transformer_blocks.1.attn1.add_q_proj.weight')).toBe(true);
  expect(isUnused('transformer_blocks.0.attn1.add_q_proj.weight')).toBe(false);
  const names = graphs.flatMap(({ weights }) => weights.map(({ name }) => name));
  expect(names, 'packMochi reads them').toContain('pos_frequencies');
});

test('positions are spread over a fixed area, counted from the middle; a text may be empty', () => {
  // Rows turn the first pair, columns the second: [time, row, column] by [pair].
  const frequencies = [0, 0, 0.01, 0, 0, 0.01];
  const clips = [
    { frames: 1, height: 2, width: 4, textTokens: 0 },
    { frames: 2, height: 2, width: 2, textTokens: 3 },
  ];
  const { inputs, sizes } = packMochi(config, clips, frequencies);
  expect(sizes).toMatchObject({ segments: 2, tokens: 4, textTokens: 3, joint: 7, pool: 5 });
  const half = 192 / Math.SQRT2 / 2;
  const sines = [0, -half, 0, half, 0, 0, 0, 0].map((place) => Math.sin(place / 100));
  inputs.sin.forEach((sine, i) => {
    expect(sine).toBeCloseTo(sines[i], 6);
  });
  expect([...inputs.poolIndex]).toEqual([0, 1, 2, 3, 4]);
  expect([...inputs.poolSegments]).toEqual([0, 1, 0, 1, 1, 2, 1, 5]);
  expect([...inputs.textMeanSegments]).toEqual([0, 1, 0, 0, 1, 2, 0, 3]);
});

test('a run without any text has one row of it, which nothing attends', () => {
  const empty = { frames: 1, height: 2, width: 2, textTokens: 0 };
  const { inputs, sizes } = packMochi(config, [empty, empty], Array<number>(6).fill(0));
  expect(sizes).toMatchObject({ textTokens: 1, joint: 2, pool: 2 });
  expect([...inputs.textRow]).toEqual([0]);
  expect([...inputs.textSegments]).toEqual([0, 0, 0, 1, 0, 0, 1, 2]);
});

const clip = { frames: 1, height: 2, width: 2, textTokens: 1 };
const frequencies = Array<number>(6).fill(0);

test.each([
  [
    '[mochi] activation_fn must be = "swiglu", got "geglu"',
    () => parseMochiConfig({ activation_fn: 'geglu' }),
  ],
  [
    '[mochi] attention_head_dim must be = even, got 7',
    () => parseMochiConfig({ attention_head_dim: 7 }),
  ],
  [
    "[mochi] text_embed_dim must be = a multiple of the pooler's 8 heads, got 12",
    () => parseMochiConfig({ text_embed_dim: 12 }),
  ],
  [
    '[mochi] options must be = those this model has, got "sample_size"',
    () => parseMochiConfig({ sample_size: 1 }),
  ],
  [
    '[mochi] pos_frequencies must be = 6 numbers, got 5',
    () => packMochi(config, [clip], frequencies.slice(1)),
  ],
  [
    '[mochi] latent width must be = a multiple of 2, got 5',
    () => packMochi(config, [{ ...clip, width: 5 }], frequencies),
  ],
  [
    '[mochi] latent frames must be = a multiple of 1, got 0',
    () => packMochi(config, [{ ...clip, frames: 0 }], frequencies),
  ],
  [
    '[mochi] text tokens must be = a whole number from 0, got -1',
    () => packMochi(config, [{ ...clip, textTokens: -1 }], frequencies),
  ],
])('%s', (message, refused) => {
  expect(refused).toThrow(message);
});
