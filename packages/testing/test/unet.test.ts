import { parseUnetConfig, type UnetSize, unet } from '@tubelet/models';
import { interpret, onAddon, type RunGraph, randomValues, randomWeights } from '@tubelet/testing';
import { describe, expect, test } from 'vitest';
import { absentAddon, expectClose } from './model-case.js';

// Small U-Nets of every form at odd sizes with weights made here: these need no goldens.

const image = {
  attention_head_dim: 2,
  block_out_channels: [4, 6],
  cross_attention_dim: 5,
  down_block_types: ['CrossAttnDownBlock2D', 'DownBlock2D'],
  in_channels: 3,
  layers_per_block: 1,
  norm_num_groups: 2,
  out_channels: 2,
  up_block_types: ['UpBlock2D', 'CrossAttnUpBlock2D'],
};
const ofClips = (suffix: string) => ({
  ...image,
  down_block_types: [`CrossAttnDownBlock${suffix}`, `DownBlock${suffix}`],
  up_block_types: [`UpBlock${suffix}`, `CrossAttnUpBlock${suffix}`],
});
const video = { ...ofClips('3D'), _class_name: 'UNet3DConditionModel' };
const { attention_head_dim: heads, ...motionBlocks } = ofClips('Motion');
const motion = {
  ...motionBlocks,
  _class_name: 'UNetMotionModel',
  motion_max_seq_length: 4,
  motion_num_attention_heads: 1,
  num_attention_heads: heads,
};
const sdxl = {
  addition_embed_type: 'text_time',
  addition_time_embed_dim: 4,
  projection_class_embeddings_input_dim: 31,
  transformer_layers_per_block: [2, 1],
  use_linear_projection: true,
};

interface Case {
  readonly json: object;
  readonly size: UnetSize;
}

/** The data of a text's clip depends on the text's length alone, so that it is the same alone and in company. */
function run(by: RunGraph, { json, size }: Case) {
  const config = parseUnetConfig(json);
  const graph = unet(config, size);
  const { textTokens } = size;
  const inputs = graph.inputs.map(({ name, shape, dtype }) => {
    const row = shape.slice(1).reduce<number>((product, dim) => product * Number(dim), 1);
    const rows = (tokens: number) =>
      name === 'text' ? tokens : Number(shape[0]) / textTokens.length;
    const values = textTokens.flatMap((tokens) => [
      ...randomValues(`${name} ${tokens}`, rows(tokens) * row),
    ]);
    const scale = name === 'timestep' || name === 'sizes' ? 500 : 1;
    const whole = (value: number) => Math.floor(Math.abs(value) * 3);
    return [name, values.map((value) => (dtype === 'i32' ? whole(value) : scale * value))];
  });
  return by(graph, randomWeights([graph]), Object.fromEntries(inputs), {});
}

const size = { height: 5, width: 3, textTokens: [2, 4] };
const clip = { ...size, frames: 3 };
const cases: [name: string, case_: Case][] = [
  ['pictures', { json: image, size }],
  ['pictures of a whole factor', { json: image, size: { ...size, height: 4, width: 2 } }],
  ['sizes as conditions', { json: { ...image, ...sdxl }, size }],
  ['classes, a table', { json: { ...image, num_class_embeds: 3 }, size }],
  ['classes, a timestep', { json: { ...image, class_embed_type: 'timestep' }, size }],
  ['classes, as they are', { json: { ...image, class_embed_type: 'identity' }, size }],
  ...['projection', 'simple_projection'].map((kind): [string, Case] => [
    `classes, ${kind}`,
    {
      json: { ...image, class_embed_type: kind, projection_class_embeddings_input_dim: 7 },
      size,
    },
  ]),
  [
    'other options',
    {
      json: {
        ...image,
        center_input_sample: true,
        conv_in_kernel: 5,
        conv_out_kernel: 1,
        downsample_padding: 0,
        encoder_hid_dim: 8,
        flip_sin_to_cos: false,
        freq_shift: 1,
        mid_block_type: 'UNetMidBlock2D',
        time_cond_proj_dim: 9,
        time_embedding_dim: 11,
      },
      size,
    },
  ],
  [
    'attention to the text alone',
    { json: { ...image, only_cross_attention: [true, false] }, size },
  ],
  ['no middle', { json: { ...image, mid_block_type: null }, size }],
  ['clips', { json: video, size: clip }],
  ['clips of one frame', { json: video, size }],
  ['motion modules', { json: motion, size: clip }],
  [
    'motion modules, layers of several blocks, none in the middle',
    {
      json: {
        ...motion,
        ...sdxl,
        mid_block_layers: 2,
        motion_num_attention_heads: [2, 3],
        temporal_transformer_layers_per_block: [2, 1],
        use_motion_mid_block: false,
      },
      size: clip,
    },
  ],
];

// Without a built addon there is nothing to compare.
describe.skipIf(absentAddon)('the addon agrees with double precision', () => {
  test.each(cases)('%s', async (_name, given) => {
    const got = (await run(onAddon, given)).get('prediction')!;
    const expected = (await run(interpret, given)).get('prediction')!;
    expectClose(got, expected, { name: 'prediction', tolerance: 1e-5 });
  });

  test.each([
    ['pictures', { json: { ...image, ...sdxl }, size }],
    ['clips', { json: video, size: clip }],
    ['motion modules', { json: motion, size: clip }],
  ])('%s are the same alone and in company, to the bit', async (_name, { json, size }) => {
    const together = (await run(onAddon, { json, size })).get('prediction')!;
    const alone = await Promise.all(
      size.textTokens.map((tokens) =>
        run(onAddon, { json, size: { ...size, textTokens: [tokens] } }),
      ),
    );
    expect([...together]).toEqual(alone.flatMap((outputs) => [...outputs.get('prediction')!]));
  });
});
