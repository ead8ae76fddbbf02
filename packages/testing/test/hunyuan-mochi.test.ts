import {
  type HunyuanClip,
  type HunyuanConfig,
  hunyuanTransformer,
  hunyuanVaeDecoder,
  hunyuanVaeEncoder,
  type MochiClip,
  mochiTransformer,
  packHunyuan,
  packMochi,
  parseHunyuanConfig,
  parseHunyuanVaeConfig,
  parseMochiConfig,
} from '@tubelet/models';
import { interpret, onAddon, randomValues } from '@tubelet/testing';
import { describe, expect, test } from 'vitest';
import { absentAddon, type Case, dataOf, expectAgreement, plain, run } from './model-case.js';

// Small models with weights made here: these need no goldens.

const latents = ({ frames, height, width }: MochiClip) => frames * height * width;

const hunyuan = (options: object): HunyuanConfig =>
  parseHunyuanConfig({
    num_attention_heads: 2,
    attention_head_dim: 10,
    rope_axes_dim: [2, 4, 4],
    in_channels: 3,
    out_channels: 2,
    num_layers: 2,
    num_single_layers: 2,
    num_refiner_layers: 1,
    mlp_ratio: 1.7,
    text_embed_dim: 9,
    pooled_projection_dim: 7,
    ...options,
  });

type Named<Clip> = Clip & { readonly name: string };

function hunyuanCase(config: HunyuanConfig, clips: readonly Named<HunyuanClip>[]): Case {
  const { inputs, sizes } = packHunyuan(config, clips);
  const data = dataOf(clips);
  const scaled = (what: string, scale: number) =>
    data(what, () => 1).map((value) => Math.abs(value) * scale);
  return {
    graph: hunyuanTransformer(config),
    inputs: {
      ...inputs,
      latents: data('latents', (clip) => latents(clip) * config.inChannels),
      text: data('text', ({ textTokens }) => textTokens * config.textDim),
      pooled: data('pooled', () => config.pooledDim),
      timestep: scaled('timestep', 999),
      ...(config.guidance ? { guidance: scaled('guidance', 6000) } : {}),
    },
    sizes,
  };
}

const mochi = parseMochiConfig({
  num_attention_heads: 2,
  attention_head_dim: 6,
  in_channels: 3,
  out_channels: 2,
  num_layers: 2,
  pooled_projection_dim: 7,
  text_embed_dim: 16,
  time_embed_dim: 11,
});

function mochiCase(clips: readonly Named<MochiClip>[]): Case {
  const { inputs, sizes } = packMochi(mochi, clips, randomValues('pos_frequencies', 18));
  const data = dataOf(clips);
  return {
    graph: mochiTransformer(mochi),
    inputs: {
      ...inputs,
      latents: data('latents', (clip) => latents(clip) * mochi.inChannels),
      text: clips.some(({ textTokens }) => textTokens > 0)
        ? data('text', ({ textTokens }) => textTokens * mochi.textDim)
        : Array(mochi.textDim).fill(0),
      timestep: data('timestep', () => 1).map((value) => Math.abs(value) * 999),
    },
    sizes,
  };
}

const clip = { name: 'a', frames: 2, height: 4, width: 6, textTokens: 5 };
const other = { name: 'b', frames: 4, height: 2, width: 10, textTokens: 3 };
const silent = { name: 'c', frames: 1, height: 6, width: 2, textTokens: 0 };

const vae = parseHunyuanVaeConfig({
  block_out_channels: [4, 6, 6, 8],
  norm_num_groups: 2,
  layers_per_block: 1,
  latent_channels: 3,
});
const noAttention = { ...vae, midAttention: false };

const cases: [name: string, case_: Case][] = [
  ['hunyuan', hunyuanCase(hunyuan({}), [clip, other])],
  [
    'hunyuan, patch of 2 in time, no guidance, no norm of queries',
    hunyuanCase(hunyuan({ patch_size_t: 2, guidance_embeds: false, qk_norm: null }), [other, clip]),
  ],
  [
    'hunyuan, first frame replaced',
    hunyuanCase(hunyuan({ image_condition_type: 'token_replace' }), [clip, other]),
  ],
  ['mochi', mochiCase([clip, silent, other])],
  ['mochi without any text', mochiCase([silent])],
  ['hunyuan-vae encoder', plain(hunyuanVaeEncoder(vae, { frames: 6, height: 17, width: 10 }))],
  [
    'hunyuan-vae encoder, picture',
    plain(hunyuanVaeEncoder(vae, { frames: 1, height: 8, width: 8 })),
  ],
  ['hunyuan-vae decoder', plain(hunyuanVaeDecoder(vae, { frames: 3, height: 1, width: 3 }))],
  [
    'hunyuan-vae decoder without attention',
    plain(hunyuanVaeDecoder(noAttention, { frames: 2, height: 2, width: 1 })),
  ],
];

// Without a built addon there is nothing to compare.
describe.skipIf(absentAddon)('the addon agrees with double precision', () => {
  test.each(cases)('%s', (_name, given) => expectAgreement(given, 1e-5));
});

describe.each([
  ['in double precision', interpret, false],
  ['on the addon, to the bit', onAddon, absentAddon !== ''],
] as const)('%s', (_name, by, skipped) => {
  const replaced = hunyuan({ image_condition_type: 'token_replace' });
  // Without a built addon only the interpreter runs.
  test.skipIf(skipped).each([
    ['hunyuan', (clips: (typeof clip)[]) => hunyuanCase(hunyuan({}), clips), [clip, other]],
    ['first frames', (clips: (typeof clip)[]) => hunyuanCase(replaced, clips), [clip, other]],
    ['mochi', mochiCase, [clip, silent, other]],
  ])('a clip is the same alone and packed with others: %s', async (_model, make, clips) => {
    const together = (await run(by, make(clips))).get('prediction')!;
    const alone = await Promise.all(clips.map((c) => run(by, make([c]))));
    expect([...together]).toEqual(alone.flatMap((outputs) => [...outputs.get('prediction')!]));
  });
});

test('a first frame that is kept clean changes nothing at timestep 0, without guidance', async () => {
  const predict = async (image_condition_type: string | null, timestep: number) => {
    const config = hunyuan({ guidance_embeds: false, image_condition_type });
    const { inputs, ...rest } = hunyuanCase(config, [clip]);
    const outputs = await run(interpret, { ...rest, inputs: { ...inputs, timestep: [timestep] } });
    return [...outputs.get('prediction')!];
  };
  expect(await predict('token_replace', 0)).toEqual(await predict(null, 0));
  expect(await predict('token_replace', 500)).not.toEqual(await predict(null, 500));
});
