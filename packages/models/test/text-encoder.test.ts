import { goldensFolder, readSafetensorsFixture } from '@tubelet/testing';
import { describe, expect, test } from 'vitest';
import { packTexts, parseTextEncoderConfig, relativeBuckets, textEncoder } from '../src/index.js';

const t5 = parseTextEncoderConfig({ vocab_size: 100 });

describe('buckets of relative positions', () => {
  test('exact near the query, logarithmic further off, keys after the query in the other half', () => {
    const buckets = relativeBuckets(t5, 200);
    const at = (distance: number) => buckets[distance + 199];
    expect([0, -1, -7, -8, -11, -12, -127, -128, -199].map(at)).toEqual([
      0, 1, 7, 8, 8, 9, 15, 15, 15,
    ]);
    expect([1, 7, 8, 199].map(at)).toEqual([17, 23, 24, 31]);
  });

  test('one token has one distance', () => {
    expect([...relativeBuckets(t5, 1)]).toEqual([0]);
  });

  const goldens = goldensFolder();
  // The goldens are not part of the repository.
  test.skipIf(!goldens).each([
    ['umt5', 37, 32, 128],
    ['umt5-wide-heads', 30, 8, 12],
    ['t5-gated', 41, 32, 128],
  ])('%s has the position bias of the original', async (name, length, buckets, distance) => {
    const folder = `${goldens}/text-encoders/${name}`;
    const io = await readSafetensorsFixture(`${folder}/io.safetensors`);
    const weights = await readSafetensorsFixture(`${folder}/model.safetensors`);
    const table = weights.get(
      'encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight',
    )!;
    const heads = table.shape[1];
    const config = parseTextEncoderConfig({
      relative_attention_num_buckets: buckets,
      relative_attention_max_distance: distance,
    });
    const ids = relativeBuckets(config, length);
    const bias = io.get('mid.block0.position_bias')!.values; // [1, heads, length, length]
    const ours = bias.map((_, i) => {
      const [head, q, k] = [
        Math.floor(i / length ** 2),
        Math.floor(i / length) % length,
        i % length,
      ];
      return table.values[ids[k - q + length - 1] * heads + head];
    });
    expect(ours).toEqual(bias);
  });
});

describe('packing', () => {
  test('texts stand one after another; padding is not attended', () => {
    const packing = packTexts(t5, [{ ids: [5, 6, 7, 1, 0, 0], length: 4 }, { ids: [9, 1] }]);
    expect(packing.sizes).toEqual({ tokens: 8, segments: 2 });
    expect(packing.offsets).toEqual([0, 6]);
    expect([...packing.inputs.ids]).toEqual([5, 6, 7, 1, 0, 0, 9, 1]);
    expect([...packing.inputs.segments]).toEqual([0, 6, 0, 4, 6, 8, 6, 8]);
  });

  test.each([
    ['[text-encoder] texts must be = at least one, got none', []],
    [
      '[text-encoder] length of a text must be = 1 to its 2 tokens, got 3',
      [{ ids: [1, 2], length: 3 }],
    ],
    [
      '[text-encoder] length of a text must be = 1 to its 2 tokens, got 0',
      [{ ids: [1, 2], length: 0 }],
    ],
    ['[text-encoder] token ids must be = below vocab_size 100, got 100', [{ ids: [1, 100] }]],
  ])('%s', (message, texts) => {
    expect(() => packTexts(t5, texts)).toThrow(message);
  });
});

test('T5 has one table of positions, UMT5 one per block', () => {
  const tables = (model_type: string) =>
    textEncoder(parseTextEncoderConfig({ model_type, num_layers: 3 }), {
      maxLength: 4,
    }).weights.filter(({ name }) => name.endsWith('relative_attention_bias.weight')).length;
  expect([tables('t5'), tables('umt5')]).toEqual([1, 3]);
});

test('an activation that contradicts feed_forward_proj is refused', () => {
  const gated = { model_type: 't5', feed_forward_proj: 'gated-gelu' };
  const written = { ...gated, dense_act_fn: 'gelu_new', is_gated_act: true };
  expect(parseTextEncoderConfig(written).activation).toBe('gelu_tanh');
  expect(() => parseTextEncoderConfig({ ...gated, dense_act_fn: 'relu' })).toThrow('dense_act_fn');
  expect(() => parseTextEncoderConfig({ ...gated, is_gated_act: false })).toThrow('is_gated_act');
});
