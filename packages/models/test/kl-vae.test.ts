import { expect, test } from 'vitest';
import {
  klVaeCheckpoint,
  klVaeEncoder,
  klVaeFactor,
  parseKlVaeConfig,
  parseTinyVaeConfig,
  planKlVaeDecode,
  taef2,
  tinyVaeCheckpoint,
} from '../src/index.js';

/** runwayml/stable-diffusion-v1-5 vae/config.json, as published before the later options. */
const sd15 = {
  _class_name: 'AutoencoderKL',
  _diffusers_version: '0.6.0',
  act_fn: 'silu',
  block_out_channels: [128, 256, 512, 512],
  down_block_types: Array(4).fill('DownEncoderBlock2D'),
  in_channels: 3,
  latent_channels: 4,
  layers_per_block: 2,
  norm_num_groups: 32,
  out_channels: 3,
  sample_size: 512,
  up_block_types: Array(4).fill('UpDecoderBlock2D'),
};

const flux = {
  ...sd15,
  force_upcast: true,
  latent_channels: 16,
  latents_mean: null,
  latents_std: null,
  mid_block_add_attention: true,
  scaling_factor: 0.3611,
  shift_factor: 0.1159,
  use_post_quant_conv: false,
  use_quant_conv: false,
};

const sources = (config: object) =>
  klVaeCheckpoint(parseKlVaeConfig(config)).graphs.flatMap(({ weights }) =>
    weights.flatMap(({ sources }) => sources),
  );

test('the published autoencoders of Stable Diffusion and FLUX: 83.65 and 83.82 million parameters', () => {
  const thousands = (config: object) => {
    const counts = sources(config).map(({ shape }) => shape.reduce((a, b) => a * b, 1));
    return Math.round(counts.reduce((a, b) => a + b, 0) / 1e3);
  };
  expect(thousands(sd15)).toBe(83_654);
  expect(thousands(flux)).toBe(83_820);
  expect(klVaeFactor(parseKlVaeConfig(sd15))).toBe(8);
  expect(parseKlVaeConfig(flux)).toMatchObject({ scalingFactor: 0.3611, shiftFactor: 0.1159 });
});

test('attention has the names of old files too', () => {
  const names = sources(sd15).map(({ names }) => names);
  const layer = 'encoder.mid_block.attentions.0';
  expect(names).toContainEqual([`${layer}.to_q.weight`, `${layer}.query.weight`]);
  expect(names).toContainEqual([`${layer}.to_out.0.bias`, `${layer}.proj_attn.bias`]);
});

test('tiles: a quarter of each passes into the next', () => {
  const plan = planKlVaeDecode(parseKlVaeConfig(sd15), 100, 64);
  expect(plan.tiles.map(({ y, x, height, width }) => [y, x, height, width])).toEqual([
    [0, 0, 64, 64],
    [0, 48, 64, 16],
    [48, 0, 52, 64],
    [48, 48, 52, 16],
    [96, 0, 4, 64],
    [96, 48, 4, 16],
  ]);
  expect(plan).toMatchObject({ blendHeight: 128, strideHeight: 384, height: 800, width: 512 });
});

test('the tiny autoencoders: TAESD has 2.4 million parameters', () => {
  const config = parseTinyVaeConfig({ _class_name: 'AutoencoderTiny' });
  const counts = tinyVaeCheckpoint(config).graphs.flatMap(({ weights }) =>
    weights.map(({ shape }) => shape.reduce((a, b) => a * b, 1)),
  );
  expect(Math.round(counts.reduce((a, b) => a + b, 0) / 1e4)).toBe(245);
  const names = tinyVaeCheckpoint(taef2).graphs[1].weights.map(({ name }) => name);
  expect(names).toContain('3.pool.1.weight');
  expect(names.at(-2)).toBe('19.weight');
});

test.each([
  [
    '[kl-vae] down_block_types must be = a list of DownEncoderBlock2D',
    () => parseKlVaeConfig({ down_block_types: ['AttnDownEncoderBlock2D'] }),
  ],
  [
    '[kl-vae] block_out_channels must be = multiples of norm_num_groups 32, got [48]',
    () => parseKlVaeConfig({ block_out_channels: [48] }),
  ],
  ['[kl-vae] act_fn must be = "silu", got "relu"', () => parseKlVaeConfig({ act_fn: 'relu' })],
  [
    '[kl-vae] up_block_types must be = 2 blocks, got 1',
    () =>
      parseKlVaeConfig({
        block_out_channels: [32, 32],
        down_block_types: ['DownEncoderBlock2D', 'DownEncoderBlock2D'],
      }),
  ],
  [
    '[tiny-vae] encoder_block_out_channels must be = 64 in all levels, got [64,32]',
    () => parseTinyVaeConfig({ encoder_block_out_channels: [64, 32] }),
  ],
  [
    '[convolution] padded x along height',
    () => klVaeEncoder(parseKlVaeConfig({ ...sd15 }), { height: 2, width: 64 }),
  ],
])('%s', (message, refused) => {
  expect(refused).toThrow(message);
});
