import {
  dit,
  klVaeDecoder,
  klVaeEncoder,
  type LatteClip,
  latte,
  packDit,
  packLatte,
  packTexts,
  packVivit,
  packWan,
  parseDitConfig,
  parseKlVaeConfig,
  parseLatteConfig,
  parseScenicVivitConfig,
  parseTextEncoderConfig,
  parseWanConfig,
  parseWanVaeConfig,
  taef2,
  textEncoder,
  tinyVaeDecoder,
  tinyVaeEncoder,
  tubeletGrid,
  vivit,
  type WanClip,
  type WanConfig,
  wanTransformer,
  wanVaeDecoder,
  wanVaeEncoder,
} from '@tubelet/models';
import { interpret, onAddon, randomValues } from '@tubelet/testing';
import { describe, expect, test } from 'vitest';
import { absentAddon, type Case, dataOf, expectAgreement, plain, run } from './model-case.js';

// Small models of every form with weights made here: these need no goldens.

const wan = (options: object): WanConfig =>
  parseWanConfig({
    num_attention_heads: 2,
    attention_head_dim: 14,
    in_channels: 3,
    out_channels: 2,
    text_dim: 9,
    freq_dim: 10,
    ffn_dim: 33,
    num_layers: 2,
    ...options,
  });

const image = { image_dim: 6, added_kv_proj_dim: 28 };

function wanCase(config: WanConfig, clips: readonly (WanClip & { readonly name: string })[]): Case {
  const { inputs, sizes } = packWan(config, clips);
  const join = dataOf(clips);
  const data = {
    latents: join(
      'latents',
      ({ frames, height, width }) => frames * height * width * config.inChannels,
    ),
    text: join('text', ({ textTokens }) => textTokens * config.textDim),
    timestep: join('timestep', ({ rows = 1 }) => rows, 999).map(Math.abs),
    ...(config.imageDim
      ? { image: join('image', ({ imageTokens = 0 }) => imageTokens * config.imageDim!) }
      : {}),
  };
  return { graph: wanTransformer(config), inputs: { ...inputs, ...data }, sizes };
}

const clip = { name: 'a', frames: 2, height: 4, width: 6, textTokens: 5 };
const other = { name: 'b', frames: 1, height: 2, width: 10, textTokens: 3 };

function vaeCases(options: object): [string, Case][] {
  const config = parseWanVaeConfig({
    base_dim: 4,
    z_dim: 3,
    num_res_blocks: 1,
    latents_mean: [0, 0, 0],
    latents_std: [1, 1, 1],
    ...options,
  });
  return (['first', 'steady'] as const).flatMap((chunk): [string, Case][] => [
    [`encoder ${chunk}`, plain(wanVaeEncoder(config, { chunk, height: 32, width: 16 }))],
    [`decoder ${chunk}`, plain(wanVaeDecoder(config, { chunk, height: 2, width: 3 }))],
    [
      `decoder of a tile ${chunk}`,
      plain(wanVaeDecoder(config, { chunk, height: 1, width: 2, tile: true })),
    ],
  ]);
}

function textCase(options: object): Case {
  const sizes = { d_model: 20, d_kv: 6, num_heads: 3, d_ff: 31, num_layers: 2, vocab_size: 50 };
  const config = parseTextEncoderConfig({ ...sizes, ...options });
  const texts = [
    { ids: [3, 1, 4, 1, 5, 9, 2, 6, 0, 0], length: 8 },
    { ids: [49] },
    { ids: [7, 8, 9] },
  ];
  const packing = packTexts(config, texts);
  return { graph: textEncoder(config, { maxLength: 12 }), ...packing };
}

function ditCase(options: object): Case {
  const config = parseDitConfig({
    input_size: 6,
    hidden_size: 20,
    depth: 2,
    num_heads: 2,
    num_classes: 4,
    ...options,
  });
  const { inputs, sizes } = packDit(config, 2);
  const data = {
    latents: randomValues('latents', sizes.elements),
    timestep: [999, 3],
    label: [config.nullClass ? 4 : 3, 1],
  };
  return { graph: dit(config), inputs: { ...inputs, ...data }, sizes };
}

const latteConfig = parseLatteConfig({
  activation_fn: 'gelu-approximate',
  attention_bias: true,
  attention_head_dim: 6,
  caption_channels: 9,
  cross_attention_dim: 12,
  in_channels: 3,
  norm_elementwise_affine: false,
  norm_type: 'ada_norm_single',
  num_attention_heads: 2,
  num_layers: 2,
  out_channels: 2,
  patch_size: 2,
  sample_size: 6,
  video_length: 4,
});

function latteCase(clips: readonly (LatteClip & { readonly name: string })[]): Case {
  const { inputs, sizes } = packLatte(latteConfig, clips);
  const join = dataOf(clips);
  const data = {
    latents: join('latents', ({ frames, height, width }) => 3 * frames * height * width),
    text: join('text', ({ textTokens }) => 9 * textTokens),
    timestep: join('timestep', () => 1).map((value) => 999 * Math.abs(value)),
  };
  return { graph: latte(latteConfig), inputs: { ...inputs, ...data }, sizes };
}

function vivitCase(model: object): Case {
  const config = parseScenicVivitConfig({
    model: {
      patches: { size: [2, 3, 2] },
      hidden_size: 20,
      num_heads: 2,
      num_layers: 2,
      mlp_dim: 31,
      ...model,
    },
    dataset: { num_classes: 4, input_shape: [2, 6, 4, 9, 3] },
  });
  const { frames, rows, columns } = tubeletGrid(config);
  const before = config.summary === 'class' ? 1 : 0;
  const perFrame = rows * columns;
  const isFactorized = config.attention === 'factorized-encoder';
  const table = (name: string, tokens: number) => randomValues(name, (before + tokens) * 20);
  const { inputs, sizes } = packVivit(config, 2, {
    positions: table('positions', isFactorized ? perFrame : frames * perFrame),
    temporalPositions: table('temporal', frames),
  });
  const pixels = randomValues('pixels', sizes.elements);
  return { graph: vivit(config), inputs: { ...inputs, pixels }, sizes };
}

const klVae = parseKlVaeConfig({
  block_out_channels: [6, 9],
  norm_num_groups: 3,
  latent_channels: 3,
  down_block_types: ['DownEncoderBlock2D', 'DownEncoderBlock2D'],
  up_block_types: ['UpDecoderBlock2D', 'UpDecoderBlock2D'],
});
const tinyVae = {
  ...taef2,
  width: 8,
  latentChannels: 3,
  encoderBlocks: [1, 2],
  decoderBlocks: [1, 1],
};

const cases: [name: string, case_: Case][] = [
  ['wan', wanCase(wan({}), [clip, other])],
  [
    'wan, no cross norm, patch 1,1,2',
    wanCase(wan({ cross_attn_norm: false, patch_size: [1, 1, 2] }), [clip]),
  ],
  ['wan, rows per frame', wanCase(wan({}), [{ ...clip, rows: 2, rowOf: [1, 0] }, other])],
  [
    'wan, image',
    wanCase(wan(image), [
      { ...clip, imageTokens: 3 },
      { ...other, imageTokens: 4 },
    ]),
  ],
  [
    'wan, first and last frame',
    wanCase(wan({ ...image, pos_embed_seq_len: 4 }), [{ ...clip, imageTokens: 4 }]),
  ],
  ...vaeCases({}).map(([name, c]): [string, Case] => [`vae 2.1, ${name}`, c]),
  ...vaeCases({ dim_mult: [1, 2, 4], temperal_downsample: [true, true], decoder_base_dim: 6 }).map(
    ([name, c]): [string, Case] => [`vae of three levels, ${name}`, c],
  ),
  ...vaeCases({
    is_residual: true,
    patch_size: 2,
    in_channels: 12,
    out_channels: 12,
    decoder_base_dim: 5,
  }).map(([name, c]): [string, Case] => [`vae 2.2, ${name}`, c]),
  ['latte', latteCase([{ ...clip, frames: 3 }, other])],
  ['kl-vae encoder', plain(klVaeEncoder(klVae, { images: 2, height: 6, width: 10 }))],
  ['kl-vae decoder', plain(klVaeDecoder(klVae, { images: 2, height: 3, width: 5 }))],
  ['tiny-vae encoder', plain(tinyVaeEncoder(tinyVae, { height: 6, width: 10 }))],
  ['tiny-vae decoder', plain(tinyVaeDecoder(tinyVae, { images: 2, height: 3, width: 5 }))],
  ['umt5', textCase({ model_type: 'umt5' })],
  ['t5, relu', textCase({ model_type: 't5' })],
  ['dit', ditCase({})],
  ['dit, adaLN', ditCase({ conditioning: 'adaln' })],
  ['dit, cross-attention', ditCase({ conditioning: 'cross-attention' })],
  ['dit, in-context', ditCase({ conditioning: 'in-context' })],
  [
    'dit without null class and sigma',
    ditCase({ class_dropout_prob: 0, learn_sigma: false, patch_size: 3 }),
  ],
  ['vivit, model 1', vivitCase({ classifier: 'token', representation_size: 7 })],
  [
    'vivit, model 2',
    vivitCase({
      attention_config: { type: 'factorized_encoder' },
      spatial_transformer: { num_layers: 1, num_heads: 4, mlp_dim: 9 },
      temporal_transformer: { num_layers: 2, num_heads: 5, mlp_dim: 11 },
    }),
  ],
  ['vivit, model 3', vivitCase({ attention_config: { type: 'factorized_self_attention_block' } })],
  ['vivit, model 4', vivitCase({ attention_config: { type: 'factorized_dot_product_attention' } })],
];

// Without a built addon there is nothing to compare.
describe.skipIf(absentAddon)('the addon agrees with double precision', () => {
  test.each(cases)('%s', (_name, given) => expectAgreement(given, 1e-5));
});

describe.each([
  ['in double precision', interpret, false],
  ['on the addon, to the bit', onAddon, absentAddon !== ''],
] as const)('%s', (_name, by, skipped) => {
  // Without a built addon only the interpreter runs.
  test.skipIf(skipped).each([
    ['wan', wan({}), {}],
    ['wan with images', wan(image), { imageTokens: 3 }],
  ])('a clip is the same alone and packed with others: %s', async (_model, config, more) => {
    const clips = [clip, other, { ...clip, name: 'c', rows: 2, rowOf: [1, 0] }].map((c) => ({
      ...c,
      ...more,
    }));
    const together = (await run(by, wanCase(config, clips))).get('prediction')!;
    const alone = await Promise.all(clips.map((c) => run(by, wanCase(config, [c]))));
    expect([...together]).toEqual(alone.flatMap((outputs) => [...outputs.get('prediction')!]));
  });

  // Without a built addon only the interpreter runs.
  test.skipIf(skipped)('a clip is the same alone and packed with others: latte', async () => {
    const clips = [clip, other, { ...clip, name: 'c', frames: 3 }];
    const together = (await run(by, latteCase(clips))).get('prediction')!;
    const alone = await Promise.all(clips.map((c) => run(by, latteCase([c]))));
    expect([...together]).toEqual(alone.flatMap((outputs) => [...outputs.get('prediction')!]));
  });
});

test('a text is the same whatever its padding and its company', async () => {
  const config = parseTextEncoderConfig({
    model_type: 'umt5',
    d_model: 8,
    num_layers: 1,
    vocab_size: 20,
  });
  const encode = async (...texts: Parameters<typeof packTexts>[1]) => {
    const packing = packTexts(config, texts);
    const outputs = await run(interpret, {
      graph: textEncoder(config, { maxLength: 9 }),
      ...packing,
    });
    return [...outputs.get('hidden')!].slice(0, 3 * 8);
  };
  const alone = await encode({ ids: [3, 4, 5] });
  expect(await encode({ ids: [3, 4, 5, 0, 0], length: 3 }, { ids: [9, 9] })).toEqual(alone);
});
