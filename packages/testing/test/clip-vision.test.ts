import {
  type ClipVisionConfig,
  clipVisionEncoder,
  packClipImages,
  parseClipVisionConfig,
} from '@tubelet/models';
import { interpret, randomValues, randomWeights } from '@tubelet/testing';
import { describe, expect, test } from 'vitest';
import { absentAddon, type Case, expectAgreement, expectClose, run } from './model-case.js';

const config = (options: object) =>
  parseClipVisionConfig({
    architectures: ['CLIPVisionModelWithProjection'],
    hidden_size: 12,
    intermediate_size: 20,
    num_attention_heads: 3,
    num_hidden_layers: 3,
    image_size: 9,
    patch_size: 3,
    projection_dim: 7,
    ...options,
  });

function caseOf(config: ClipVisionConfig, names: readonly string[], blocks?: number): Case {
  const { inputs, sizes } = packClipImages(config, names.length);
  const { classIndex, ...used } = inputs;
  const area = config.imageSize ** 2 * config.channels;
  const pixels = names.flatMap((name) => [...randomValues(name, area)]);
  const hiddenStates = Array.from({ length: (blocks ?? config.layers) + 1 }, (_, i) => i);
  return {
    graph: clipVisionEncoder(config, { hiddenStates, blocks }),
    inputs: { ...used, ...(blocks === undefined ? { classIndex } : {}), pixels },
    sizes,
  };
}

type Rows = readonly (readonly number[])[];

/** The encoder's equations for one image, row by row. */
function written(config: ClipVisionConfig, pixels: ArrayLike<number>) {
  const { hiddenSize: D, heads, patchSize: p, imageSize: side, channels, epsilon } = config;
  const weights = randomWeights([clipVisionEncoder(config)]);
  const get = (name: string) => weights.get(name)!.values;
  const linear = (name: string, x: Rows, bias = true): Rows => {
    const weight = get(`${name}.weight`);
    const n = weights.get(`${name}.weight`)!.shape[0]!;
    const added = bias ? get(`${name}.bias`) : new Float64Array(n);
    return x.map((row) =>
      Array.from({ length: n }, (_, j) =>
        row.reduce((sum, value, k) => sum + value * weight[j * row.length + k]!, added[j]!),
      ),
    );
  };
  const norm = (name: string, x: Rows): Rows =>
    x.map((row) => {
      const mean = row.reduce((sum, value) => sum + value, 0) / D;
      const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / D;
      const [scale, shift] = [get(`${name}.weight`), get(`${name}.bias`)];
      return row.map(
        (value, i) => ((value - mean) / Math.sqrt(variance + epsilon)) * scale[i]! + shift[i]!,
      );
    });
  const plus = (a: Rows, b: Rows): Rows =>
    a.map((row, i) => row.map((value, k) => value + b[i]![k]!));
  const attend = (q: Rows, k: Rows, v: Rows): Rows => {
    const width = D / heads;
    return q.map((query) =>
      Array.from({ length: heads }, (_, head) => {
        const part = (row: readonly number[]) => row.slice(head * width, (head + 1) * width);
        const scores = k.map((key) =>
          part(key).reduce((sum, value, i) => sum + value * part(query)[i]!, 0),
        );
        const shares = scores.map((score) => Math.exp(score / Math.sqrt(width)));
        const total = shares.reduce((sum, share) => sum + share, 0);
        return part(v[0]!).map((_, i) =>
          v.reduce((sum, value, t) => sum + (shares[t]! / total) * part(value)[i]!, 0),
        );
      }).flat(),
    );
  };

  const before = 'vision_model.embeddings';
  const grid = side / p;
  const patches = Array.from({ length: grid ** 2 }, (_, patch) =>
    Array.from({ length: channels * p * p }, (_, i) => {
      const [channel, inside] = [Math.floor(i / (p * p)), i % (p * p)];
      const y = Math.floor(patch / grid) * p + Math.floor(inside / p);
      return pixels[(channel * side + y) * side + (patch % grid) * p + (inside % p)]!;
    }),
  );
  const embedded = linear(`${before}.patch_embedding`, patches, false);
  const tokens = [[...get(`${before}.class_embedding`)], ...embedded];
  const places = get(`${before}.position_embedding.weight`);
  const placed = tokens.map((row, t) => row.map((value, i) => value + places[t * D + i]!));
  let x = norm('vision_model.pre_layrnorm', placed);
  const states = [x];
  for (let layer = 0; layer < config.layers; layer++) {
    const block = `vision_model.encoder.layers.${layer}`;
    const h = norm(`${block}.layer_norm1`, x);
    const [q, k, v] = ['q', 'k', 'v'].map((name) => linear(`${block}.self_attn.${name}_proj`, h));
    x = plus(x, linear(`${block}.self_attn.out_proj`, attend(q!, k!, v!)));
    const up = linear(`${block}.mlp.fc1`, norm(`${block}.layer_norm2`, x));
    const active = up.map((row) => row.map((value) => value / (1 + Math.exp(-1.702 * value))));
    x = plus(x, linear(`${block}.mlp.fc2`, active));
    states.push(x);
  }
  const pooled = norm('vision_model.post_layernorm', x.slice(0, 1));
  return { states, pooled, imageEmbeds: linear('visual_projection', pooled, false) };
}

test('hidden states, pooled and projected embeddings are those of the equations', async () => {
  const given = config({});
  const found = await run(interpret, caseOf(given, ['one', 'two']));
  const images = ['one', 'two'].map((name) => written(given, randomValues(name, 9 * 9 * 3)));
  const expected: Record<string, readonly number[]> = {
    hidden: images.flatMap(({ states }) => states.at(-1)!.flat()),
    pooled: images.flatMap(({ pooled }) => pooled.flat()),
    imageEmbeds: images.flatMap(({ imageEmbeds }) => imageEmbeds.flat()),
  };
  for (let i = 0; i <= given.layers; i++)
    expected[`hidden${i}`] = images.flatMap(({ states }) => states[i]!.flat());
  expect([...found.keys()].sort()).toEqual(Object.keys(expected).sort());
  for (const [name, values] of Object.entries(expected))
    expectClose(found.get(name)!, values, { name, tolerance: 1e-12 });
});

test('fewer blocks give the hidden state of that number', async () => {
  const given = config({ hidden_act: 'gelu' });
  const all = await run(interpret, caseOf(given, ['one']));
  const some = await run(interpret, caseOf(given, ['one'], 2));
  expect([...some.keys()]).not.toContain('pooled');
  expect(some.get('hidden')).toEqual(all.get('hidden2'));
});

// Without a built addon there is nothing to compare.
describe.skipIf(absentAddon)('the addon agrees with double precision', () => {
  test.each([
    ['quick_gelu', {}],
    ['gelu', { hidden_act: 'gelu', patch_size: 9, num_attention_heads: 1 }],
  ])('%s', (_name, options) =>
    expectAgreement(caseOf(config(options), ['one', 'two', 'three']), 1e-5),
  );
});
