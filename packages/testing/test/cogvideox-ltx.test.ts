import {
  type CogvideoxClip,
  type CogvideoxConfig,
  cogvideoxTransformer,
  cogvideoxVaeDecoder,
  cogvideoxVaeEncoder,
  type LtxClip,
  ltxTransformer,
  ltxVaeDecoder,
  ltxVaeEncoder,
  packCogvideox,
  packLtx,
  parseCogvideoxConfig,
  parseCogvideoxVaeConfig,
  parseLtxConfig,
  parseLtxVaeConfig,
} from '@tubelet/models';
import { interpret, onAddon } from '@tubelet/testing';
import { describe, expect, test } from 'vitest';
import { absentAddon, type Case, dataOf, expectAgreement, plain, run } from './model-case.js';

// Small models of every form with weights made here: these need no goldens.

type Named<Clip> = Clip & { readonly name: string };

const cogvideox = (options: object): CogvideoxConfig =>
  parseCogvideoxConfig({
    num_attention_heads: 2,
    attention_head_dim: 16,
    in_channels: 3,
    out_channels: 2,
    text_embed_dim: 9,
    time_embed_dim: 10,
    num_layers: 2,
    max_text_seq_length: 3,
    sample_frames: 9,
    sample_height: 6,
    sample_width: 10,
    ...options,
  });

function cogvideoxCase(config: CogvideoxConfig, clips: readonly Named<CogvideoxClip>[]): Case {
  const { inputs, sizes } = packCogvideox(config, clips);
  const join = dataOf(clips);
  const data = {
    latents: join('latents', ({ frames, height, width }) => 3 * frames * height * width),
    text: join('text', ({ textTokens }) => 9 * textTokens),
    timestep: join('timestep', () => 1, 999).map(Math.abs),
    ...(config.ofsDim === null ? {} : { ofs: join('ofs', () => 1, 2) }),
  };
  return { graph: cogvideoxTransformer(config), inputs: { ...inputs, ...data }, sizes };
}

const rotary = { use_rotary_positional_embeddings: true };
const learned = { ...rotary, use_learned_positional_embeddings: true };
const clip = { name: 'a', frames: 2, height: 4, width: 6, textTokens: 3 };
const other = { name: 'b', frames: 4, height: 2, width: 10, textTokens: 3 };
const trained = { name: 'c', frames: 3, height: 6, width: 10, textTokens: 3 };

const cogvideoxForms: [name: string, CogvideoxConfig, readonly Named<CogvideoxClip>[]][] = [
  ['computed positions', cogvideox({}), [clip, other]],
  ['rotary', cogvideox(rotary), [clip, { ...other, textTokens: 5 }]],
  ['rotary and learned', cogvideox(learned), [trained, { ...trained, name: 'd' }]],
  [
    'patches in time, ofs',
    cogvideox({ ...rotary, patch_size_t: 2, ofs_embed_dim: 10 }),
    [clip, other],
  ],
  [
    'no weights in norms, no biases',
    cogvideox({ norm_elementwise_affine: false, attention_bias: false, patch_bias: false }),
    [clip],
  ],
];

const cogvideoxVae = parseCogvideoxVaeConfig({
  block_out_channels: [4, 6, 6],
  down_block_types: Array(3).fill('CogVideoXDownBlock3D'),
  up_block_types: Array(3).fill('CogVideoXUpBlock3D'),
  latent_channels: 3,
  layers_per_block: 1,
  norm_num_groups: 2,
});

const cogvideoxVaes = (
  [
    ['first', 5],
    ['first', 1],
    ['steady', 8],
    ['steady', 1],
  ] as const
).flatMap(([chunk, frames]): [string, Case][] => {
  const size = { chunk, frames, height: 5, width: 4 };
  const latents = { chunk, frames: Math.ceil(frames / 3), height: 2, width: 3 };
  return [
    [`encoder, ${chunk}, ${frames} frames`, plain(cogvideoxVaeEncoder(cogvideoxVae, size))],
    [`decoder, ${chunk}, of them`, plain(cogvideoxVaeDecoder(cogvideoxVae, latents))],
  ];
});

const ltx = parseLtxConfig({
  num_attention_heads: 2,
  attention_head_dim: 10,
  cross_attention_dim: 20,
  in_channels: 24,
  out_channels: 16,
  patch_size: 2,
  patch_size_t: 2,
  caption_channels: 9,
  num_layers: 2,
  attention_bias: false,
});

function ltxCase(clips: readonly Named<LtxClip>[]): Case {
  const { inputs, sizes } = packLtx(ltx, clips);
  const join = dataOf(clips);
  const data = {
    latents: join('latents', ({ frames, height, width }) => 3 * frames * height * width),
    text: join('text', ({ textTokens }) => 9 * textTokens),
    timestep: join('timestep', ({ rows = 1 }) => rows, 999).map(Math.abs),
  };
  return { graph: ltxTransformer(ltx), inputs: { ...inputs, ...data }, sizes };
}

const scale = [8 / 25, 32, 32] as const;
const ltxClips: readonly Named<LtxClip>[] = [
  { ...clip, scale },
  { ...other, textTokens: 5, scale: [0.2, 32, 32], rows: 2, rowOf: [0, 1] },
];

const ltxVae = {
  block_out_channels: [4, 6],
  decoder_block_out_channels: [8, 16],
  decoder_layers_per_block: [1, 1, 2],
  decoder_spatio_temporal_scaling: [true, true],
  latent_channels: 3,
  layers_per_block: [1, 1, 1],
  patch_size: 2,
  spatio_temporal_scaling: [true, false],
};
const ltxVaeForms: [name: string, options: object][] = [
  ['plain', ltxVae],
  ['acausal encoder, causal decoder', { ...ltxVae, encoder_causal: false, decoder_causal: true }],
  [
    'timestep, noise, residuals',
    {
      ...ltxVae,
      decoder_block_out_channels: [16, 16],
      decoder_inject_noise: [true, false, true],
      timestep_conditioning: true,
      upsample_factor: [1, 1],
      upsample_residual: [true, false],
    },
  ],
  [
    'divided channels, shuffled downsampling',
    {
      ...ltxVae,
      block_out_channels: [4, 8, 8, 16],
      down_block_types: Array(3).fill('LTXVideo095DownBlock3D'),
      downsample_type: ['spatial', 'temporal', 'spatiotemporal'],
      layers_per_block: [1, 1, 1, 1],
      spatio_temporal_scaling: [true, true, true],
      timestep_conditioning: true,
      upsample_factor: [2, 2],
      upsample_residual: [true, true],
    },
  ],
];
const ltxVaes = ltxVaeForms.flatMap(([name, options]): [string, Case][] => {
  const config = parseLtxVaeConfig(options);
  return [
    [`encoder, ${name}`, plain(ltxVaeEncoder(config, { frames: 5, height: 8, width: 16 }))],
    [`decoder, ${name}`, plain(ltxVaeDecoder(config, { frames: 2, height: 1, width: 3 }))],
    [
      `decoder of a still, ${name}`,
      plain(ltxVaeDecoder(config, { frames: 1, height: 2, width: 1 })),
    ],
  ];
});

const cases: [name: string, case_: Case][] = [
  ...cogvideoxForms.map(([name, config, clips]): [string, Case] => [
    `cogvideox, ${name}`,
    cogvideoxCase(config, clips),
  ]),
  ...cogvideoxVaes.map(([name, given]): [string, Case] => [`cogvideox-vae, ${name}`, given]),
  ['ltx', ltxCase(ltxClips)],
  ...ltxVaes.map(([name, given]): [string, Case] => [`ltx-vae, ${name}`, given]),
];

// Without a built addon there is nothing to compare.
describe.skipIf(absentAddon)('the addon agrees with double precision', () => {
  test.each(cases)('%s', (_name, given) => expectAgreement(given, 2e-5));
});

describe.each([
  ['in double precision', interpret, false],
  ['on the addon, to the bit', onAddon, absentAddon !== ''],
] as const)('%s', (_name, by, skipped) => {
  const together = cogvideoxForms.filter(([, , clips]) => clips.length > 1);
  // Without a built addon only the interpreter runs.
  test.skipIf(skipped).each(together)(
    'a clip is the same alone and packed: cogvideox, %s',
    async (_form, config, clips) => {
      const packed = (await run(by, cogvideoxCase(config, clips))).get('prediction')!;
      const alone = await Promise.all(clips.map((c) => run(by, cogvideoxCase(config, [c]))));
      expect([...packed]).toEqual(alone.flatMap((outputs) => [...outputs.get('prediction')!]));
    },
  );

  // Without a built addon only the interpreter runs.
  test.skipIf(skipped)('a clip is the same alone and packed: ltx', async () => {
    const packed = (await run(by, ltxCase(ltxClips))).get('prediction')!;
    const alone = await Promise.all(ltxClips.map((c) => run(by, ltxCase([c]))));
    expect([...packed]).toEqual(alone.flatMap((outputs) => [...outputs.get('prediction')!]));
  });
});
