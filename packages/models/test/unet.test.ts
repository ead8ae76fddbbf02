import { expect, test } from 'vitest';
import { parseUnetConfig, unet, unetCheckpoint, withMotion } from '../src/index.js';

const [cross, plain] = ['CrossAttnDownBlock2D', 'DownBlock2D'];
const [crossUp, plainUp] = ['CrossAttnUpBlock2D', 'UpBlock2D'];

/** runwayml/stable-diffusion-v1-5 unet/config.json. */
const sd15 = {
  _class_name: 'UNet2DConditionModel',
  _diffusers_version: '0.6.0',
  act_fn: 'silu',
  attention_head_dim: 8,
  block_out_channels: [320, 640, 1280, 1280],
  center_input_sample: false,
  cross_attention_dim: 768,
  down_block_types: [cross, cross, cross, plain],
  downsample_padding: 1,
  flip_sin_to_cos: true,
  freq_shift: 0,
  in_channels: 4,
  layers_per_block: 2,
  mid_block_scale_factor: 1,
  norm_eps: 1e-5,
  norm_num_groups: 32,
  out_channels: 4,
  sample_size: 64,
  up_block_types: [plainUp, crossUp, crossUp, crossUp],
};

/** stabilityai/stable-diffusion-2-1. */
const sd21 = {
  ...sd15,
  attention_head_dim: [5, 10, 20, 20],
  cross_attention_dim: 1024,
  dual_cross_attention: false,
  num_class_embeds: null,
  only_cross_attention: false,
  upcast_attention: true,
  use_linear_projection: true,
};

/** stabilityai/stable-diffusion-xl-base-1.0. */
const sdxl = {
  ...sd21,
  addition_embed_type: 'text_time',
  addition_embed_type_num_heads: 64,
  addition_time_embed_dim: 256,
  attention_head_dim: [5, 10, 20],
  block_out_channels: [320, 640, 1280],
  class_embed_type: null,
  class_embeddings_concat: false,
  conv_in_kernel: 3,
  conv_out_kernel: 3,
  cross_attention_dim: 2048,
  cross_attention_norm: null,
  down_block_types: [plain, cross, cross],
  encoder_hid_dim: null,
  encoder_hid_dim_type: null,
  mid_block_only_cross_attention: null,
  mid_block_type: 'UNetMidBlock2DCrossAttn',
  num_attention_heads: null,
  projection_class_embeddings_input_dim: 2816,
  resnet_out_scale_factor: 1.0,
  resnet_skip_time_act: false,
  resnet_time_scale_shift: 'default',
  sample_size: 128,
  time_cond_proj_dim: null,
  time_embedding_act_fn: null,
  time_embedding_dim: null,
  time_embedding_type: 'positional',
  timestep_post_act: null,
  transformer_layers_per_block: [1, 2, 10],
  up_block_types: [crossUp, crossUp, plainUp],
  upcast_attention: null,
};

/** stabilityai/stable-diffusion-xl-refiner-1.0. */
const refiner = {
  ...sdxl,
  attention_head_dim: [6, 12, 24, 24],
  block_out_channels: [384, 768, 1536, 1536],
  cross_attention_dim: 1280,
  down_block_types: [plain, cross, cross, plain],
  projection_class_embeddings_input_dim: 2560,
  transformer_layers_per_block: 4,
  up_block_types: [plainUp, crossUp, crossUp, plainUp],
};

/** stabilityai/stable-diffusion-x4-upscaler. */
const upscaler = {
  ...sd21,
  attention_head_dim: 8,
  block_out_channels: [256, 512, 512, 1024],
  down_block_types: [plain, cross, cross, cross],
  in_channels: 7,
  num_class_embeds: 1000,
  only_cross_attention: [true, true, true, false],
  up_block_types: [crossUp, crossUp, crossUp, plainUp],
  use_linear_projection: true,
};

/** damo-vilab/text-to-video-ms-1.7b. */
const textToVideo = {
  _class_name: 'UNet3DConditionModel',
  act_fn: 'silu',
  attention_head_dim: 64,
  block_out_channels: [320, 640, 1280, 1280],
  cross_attention_dim: 1024,
  down_block_types: Array(4).fill('CrossAttnDownBlock3D').with(3, 'DownBlock3D'),
  downsample_padding: 1,
  in_channels: 4,
  layers_per_block: 2,
  mid_block_scale_factor: 1,
  norm_eps: 1e-5,
  norm_num_groups: 32,
  out_channels: 4,
  sample_size: 32,
  up_block_types: Array(4).fill('CrossAttnUpBlock3D').with(0, 'UpBlock3D'),
};

/** guoyww/animatediff-motion-adapter-v1-5-2. */
const adapter = {
  _class_name: 'MotionAdapter',
  block_out_channels: [320, 640, 1280, 1280],
  motion_layers_per_block: 2,
  motion_max_seq_length: 32,
  motion_mid_block_layers_per_block: 1,
  motion_norm_num_groups: 32,
  motion_num_attention_heads: 8,
  use_motion_mid_block: true,
};

/** Elements of the checkpoint's tensors, each counted once. */
function parameters(config: Parameters<typeof unetCheckpoint>[0]) {
  const sources = unetCheckpoint(config).graphs.flatMap(({ weights }) =>
    weights.flatMap((weight) => weight.sources),
  );
  const shapes = new Map(sources.map(({ names, shape }) => [names[0], shape]));
  const count = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
  const sum = (of: RegExp) =>
    [...shapes].reduce((total, [name, shape]) => total + (of.test(name) ? count(shape) : 0), 0);
  return { all: sum(/./), motion: sum(/motion_modules/), tables: sum(/pos_embed\.pe/) };
}

test.each([
  ['Stable Diffusion 1.5', sd15, 859_520_964],
  ['Stable Diffusion 2.1', sd21, 865_910_724],
  ['SDXL', sdxl, 2_567_463_684],
  ['SDXL inpainting', { ...sdxl, in_channels: 9 }, 2_567_478_084],
  ['SDXL refiner', refiner, 2_259_526_660],
])('%s has the published number of parameters', (_name, json, expected) => {
  expect(parameters(parseUnetConfig(json)).all).toBe(expected);
});

// Of these no exact number was found: they hold what is counted here.
test.each([
  ['Stable Diffusion x4 upscaler', upscaler, 473_398_020],
  ['text-to-video-ms', textToVideo, 1_411_233_860],
])('%s keeps its number of parameters', (_name, json, expected) => {
  expect(parameters(parseUnetConfig(json)).all).toBe(expected);
});

test.each([
  ['v1-5-2', adapter, 453_209_280],
  ['v1-5', { ...adapter, motion_max_seq_length: 24, use_motion_mid_block: false }, 417_137_600],
])('AnimateDiff %s adds its modules to Stable Diffusion', (_name, json, expected) => {
  const { all, motion, tables } = parameters(withMotion(parseUnetConfig(sd15), json));
  expect(motion - tables).toBe(expected);
  expect(all - motion).toBe(859_520_964);
});

test('a saved UNetMotionModel is the same as the U-Net with its adapter', () => {
  const rename = (types: readonly string[]) => types.map((type) => type.replace('2D', 'Motion'));
  const {
    attention_head_dim: heads,
    center_input_sample,
    flip_sin_to_cos,
    freq_shift,
    ...rest
  } = sd15;
  const motion = {
    ...rest,
    _class_name: 'UNetMotionModel',
    addition_embed_type: null,
    addition_time_embed_dim: null,
    down_block_types: rename(sd15.down_block_types),
    motion_max_seq_length: 32,
    motion_num_attention_heads: 8,
    num_attention_heads: heads,
    projection_class_embeddings_input_dim: null,
    reverse_motion_num_attention_heads: null,
    reverse_temporal_transformer_layers_per_block: null,
    temporal_transformer_layers_per_mid_block: 1,
    up_block_types: rename(sd15.up_block_types),
    use_motion_mid_block: true,
  };
  expect([center_input_sample, flip_sin_to_cos, freq_shift]).toEqual([false, true, 0]);
  expect(parseUnetConfig(motion)).toEqual(withMotion(parseUnetConfig(sd15), adapter));
});

const tiny = {
  attention_head_dim: 2,
  block_out_channels: [4, 8],
  cross_attention_dim: 6,
  down_block_types: [cross, plain],
  layers_per_block: 1,
  norm_num_groups: 2,
  up_block_types: [plainUp, crossUp],
};

test('pictures of odd sides come back at their size', () => {
  const size = { height: 5, width: 7, textTokens: [3, 1] };
  const levels = { block_out_channels: [4, 8, 8], down_block_types: [cross, cross, plain] };
  const up = { up_block_types: [plainUp, crossUp, crossUp] };
  const graph = unet(parseUnetConfig({ ...tiny, ...levels, ...up }), size);
  expect(graph.inputs.map(({ name, shape }) => [name, shape])).toEqual([
    ['timestep', [2]],
    ['text', [4, 6]],
    ['latents', [2, 5, 7, 4]],
  ]);
  expect(graph.outputs[0].tensor.shape).toEqual([2, 5, 7, 4]);
  const table = graph.tensors.find(({ name }) => name === 'up_blocks.1.upsamplers.0.conv.nearest');
  const places = [...graph.constants.get(table!.id)!];
  expect(places.slice(0, 14), 'rows 0 and 1 of 5 from row 0 of 3').toEqual([
    0, 0, 1, 1, 2, 2, 3, 0, 0, 1, 1, 2, 2, 3,
  ]);
  expect(places.slice(28, 35), 'row 4 from row 2').toEqual([8, 8, 9, 9, 10, 10, 11]);
  expect(places[35], 'the second picture').toBe(12);
});

test('without padding above and left odd sides are rounded down, and still come back', () => {
  const config = parseUnetConfig({ ...tiny, downsample_padding: 0 });
  const graph = unet(config, { height: 5, width: 4, textTokens: [1] });
  const down = graph.nodes.find(({ name }) => name === 'down_blocks.0.downsamplers.0.conv');
  expect(down?.output.shape).toEqual([1, 2, 2, 4]);
  expect(graph.outputs[0].tensor.shape).toEqual([1, 5, 4, 4]);
});

test('transformer blocks of every layer: a number, one for each level, or one for each layer', () => {
  const blocks = (options: object) => {
    const { down, mid, up } = parseUnetConfig({ ...tiny, layers_per_block: 2, ...options });
    const of = (level: typeof mid) => level?.layers.map(({ spatial }) => spatial?.blocks ?? null);
    return [...down.map(of), of(mid), ...up.map(of)];
  };
  const none = [null, null];
  expect(blocks({})).toEqual([[1, 1], none, [1], [...none, null], [1, 1, 1]]);
  expect(blocks({ transformer_layers_per_block: [3, 2] })[4]).toEqual([3, 3, 3]);
  expect(blocks({ transformer_layers_per_block: [3, 2] })[2]).toEqual([2]);
  const nested = {
    transformer_layers_per_block: [[4, 1], 2],
    reverse_transformer_layers_per_block: [0, [5, 6, 7]],
  };
  expect(blocks(nested)).toEqual([[4, 1], none, [2], [...none, null], [5, 6, 7]]);
  expect(blocks({ mid_block_type: 'UNetMidBlock2D' })[2]).toEqual([]);
  expect(parseUnetConfig({ ...tiny, mid_block_type: null }).mid).toBe(null);
});

test.each([
  [
    'down_block_types must be = a list of CrossAttnDownBlock2D, DownBlock2D',
    { down_block_types: ['AttnDownBlock2D', plain] },
  ],
  ['up_block_types must be = 2 blocks, got 1', { up_block_types: [plainUp] }],
  [
    'block_out_channels must be = multiples of norm_num_groups 2, got [4,7]',
    { block_out_channels: [4, 7] },
  ],
  ['attention heads at width 4 must be = a divisor, got 3', { attention_head_dim: [3, 2] }],
  [
    'attention_head_dim must be = a whole number from 1 to 1024, or a list of 2, got [2,2,2]',
    { attention_head_dim: [2, 2, 2] },
  ],
  ['num_attention_heads must be = null, got 8', { num_attention_heads: 8 }],
  [
    'cross_attention_dim must be = one width for all levels, got [6,8]',
    { cross_attention_dim: [6, 8] },
  ],
  [
    'reverse_transformer_layers_per_block must be = given where',
    { layers_per_block: 2, transformer_layers_per_block: [[1, 2], 1] },
  ],
  [
    'mid_block_type must be = UNetMidBlock2DCrossAttn or UNetMidBlock2D or null',
    { mid_block_type: 'UNetMidBlock2DSimpleCrossAttn' },
  ],
  ['only_cross_attention must be = 2 flags, got 1', { only_cross_attention: [true] }],
  ['only_cross_attention must be = true or false, got 1', { only_cross_attention: 1 }],
  [
    'resnet_time_scale_shift must be = "default", got "scale_shift"',
    { resnet_time_scale_shift: 'scale_shift' },
  ],
  ['act_fn must be = silu or swish, got "gelu"', { act_fn: 'gelu' }],
  ['conv_in_kernel must be = odd, got 4', { conv_in_kernel: 4 }],
  [
    'encoder_hid_dim_type must be = null or text_proj, got "image_proj"',
    { encoder_hid_dim_type: 'image_proj' },
  ],
  ['encoder_hid_dim must be = given', { encoder_hid_dim_type: 'text_proj' }],
  [
    'addition_embed_type must be = null or text_time, got "image"',
    { addition_embed_type: 'image' },
  ],
  ['addition_time_embed_dim must be = a whole number', { addition_embed_type: 'text_time' }],
  [
    'projection_class_embeddings_input_dim must be = a whole number',
    { class_embed_type: 'projection' },
  ],
  ['freq_shift must be = below half of the first width, got 2', { freq_shift: 2 }],
  ['time_embedding_type must be = "positional", got "fourier"', { time_embedding_type: 'fourier' }],
  ['attention_type must be = "default", got "gated"', { attention_type: 'gated' }],
  ['options must be = those this model has, got "blur"', { blur: 1 }],
  [
    '_class_name must be = UNet2DConditionModel or UNet3DConditionModel or UNetMotionModel',
    { _class_name: 'UNet2DModel' },
  ],
])('[unet] %s', (message, options) => {
  expect(() => parseUnetConfig({ ...tiny, ...options })).toThrow(`[unet] ${message}`);
});

test.each([
  ['attention_head_dim must be = a whole number', { ...textToVideo, attention_head_dim: [64, 64] }],
  [
    'attention_head_dim must be = a divisor of width 320, got 60',
    { ...textToVideo, attention_head_dim: 60 },
  ],
  [
    'options must be = those this model has, got "conv_in_kernel"',
    { ...textToVideo, conv_in_kernel: 3 },
  ],
])('[unet] of clips: %s', (message, json) => {
  expect(() => parseUnetConfig(json)).toThrow(`[unet] ${message}`);
});

test.each([
  [
    'block_out_channels must be = [320,640,1280,1280], got [320,640]',
    { block_out_channels: [320, 640], motion_layers_per_block: 2 },
  ],
  ['motion_layers_per_block must be = [2,2,2,2], got [3,3,3,3]', { motion_layers_per_block: 3 }],
  ['motion_norm_num_groups must be = [32], got [16]', { motion_norm_num_groups: 16 }],
  [
    'motion_num_attention_heads must be = a divisor of 320, got 7',
    { motion_num_attention_heads: 7 },
  ],
  ['conv_in_channels must be = null, got 9', { conv_in_channels: 9 }],
])('[motion-adapter] %s', (message, options) => {
  const unet = parseUnetConfig(sd15);
  expect(() => withMotion(unet, { ...adapter, ...options })).toThrow(`[motion-adapter] ${message}`);
  const joined = withMotion(unet, adapter);
  expect(() => withMotion(joined, adapter)).toThrow('U-Net must be = one of pictures');
});

test.each([
  ['texts must be = at least one, got none', { textTokens: [] }],
  ['text tokens must be = at least one, got 0', { textTokens: [1, 0] }],
  ['sides of the latents must be = at least 1, got 0', { width: 0 }],
  ['frames must be = 1 to 1, got 2', { frames: 2 }],
])('[unet] %s', (message, options) => {
  const size = { height: 2, width: 2, textTokens: [1], ...options };
  expect(() => unet(parseUnetConfig(tiny), size)).toThrow(`[unet] ${message}`);
});

test('motion modules have positions for so many frames', () => {
  const config = withMotion(parseUnetConfig(sd15), adapter);
  const size = { height: 1, width: 1, frames: 33, textTokens: [1] };
  expect(() => unet(config, size)).toThrow('[unet] frames must be = 1 to 32, got 33');
});
