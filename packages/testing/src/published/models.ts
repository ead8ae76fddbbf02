import type { Graph } from '@tubelet/graph';
import {
  type ClipSize,
  cogvideoxTransformer,
  dit,
  ditPreset,
  fluxTransformer,
  hunyuanTransformer,
  latte,
  ltxTransformer,
  mochiTransformer,
  packCogvideox,
  packDit,
  packFlux,
  packHunyuan,
  packLatte,
  packLtx,
  packMochi,
  packPixart,
  packSd3,
  packWan,
  parseCogvideoxConfig,
  parseFluxConfig,
  parseHunyuanConfig,
  parseLatteConfig,
  parseLtxConfig,
  parseMochiConfig,
  parsePixartConfig,
  parseSd3Config,
  parseUnetConfig,
  parseWanConfig,
  pixart,
  sd3Transformer,
  type UnetConfig,
  unet,
  wanTransformer,
  withMotion,
} from '@tubelet/models';

/** A published model at its full size. */
export interface PublishedModel {
  readonly name: string;
  /** Parameters as published; undefined where no figure was found. */
  readonly parameters?: number;
  /** Whether that is a figure of a paper or a name, and not a count. */
  readonly isRounded?: boolean;
  /** Parameters that are stored and change nothing, so that the graph does not have them. */
  readonly withoutEffect?: number;
  /** What one forward makes: pixels, frames. */
  readonly size: string;
  build(): {
    readonly graph: Graph;
    readonly sizes: Readonly<Record<string, number>>;
    /** Tables of attention among them. */
    readonly inputs: Readonly<Record<string, Int32Array | Float32Array>>;
  };
}

const textTokens = 512;

function ditModel(pixels: number): PublishedModel {
  const config = ditPreset('DiT-XL/2', pixels / 8);
  return {
    name: 'DiT-XL/2',
    // train.py prints 675,129,632 at 256 pixels; the position table grows with the image.
    parameters: 675_129_632 + (pixels ** 2 / 256 - 256) * 1152,
    size: `${pixels}x${pixels}`,
    build: () => ({ graph: dit(config), ...packDit(config, 1) }),
  };
}

function pixartModel(name: string, options: object, text: number): PublishedModel {
  const config = parsePixartConfig({
    out_channels: 8,
    interpolation_scale: 2,
    sample_size: 128,
    ...options,
  });
  const image = { height: 128, width: 128, textTokens: text };
  return {
    name,
    parameters: 0.6e9,
    isRounded: true,
    size: '1024x1024',
    build: () => ({ graph: pixart(config), ...packPixart(config, [image]) }),
  };
}

function sd3Model(
  name: string,
  published: Pick<PublishedModel, 'parameters' | 'isRounded' | 'withoutEffect'>,
  options: object,
): PublishedModel {
  const config = parseSd3Config({
    num_attention_heads: 24,
    num_layers: 24,
    caption_projection_dim: 1536,
    ...options,
  });
  const image = { height: 128, width: 128, textTokens: 333 };
  return {
    name,
    ...published,
    size: '1024x1024',
    build: () => ({ graph: sd3Transformer(config), ...packSd3(config, [image]) }),
  };
}

function fluxModel(): PublishedModel {
  const config = parseFluxConfig({ guidance_embeds: true });
  const image = { height: 64, width: 64, textTokens };
  return {
    name: 'FLUX.1 dev',
    parameters: 11_901_408_320,
    size: '1024x1024',
    build: () => ({ graph: fluxTransformer(config), ...packFlux(config, [image]) }),
  };
}

function latteModel(): PublishedModel {
  const config = parseLatteConfig({
    attention_head_dim: 72,
    attention_bias: true,
    caption_channels: 4096,
    cross_attention_dim: 1152,
    in_channels: 4,
    norm_elementwise_affine: false,
    norm_eps: 1e-6,
    norm_type: 'ada_norm_single',
    activation_fn: 'gelu-approximate',
    num_layers: 28,
    out_channels: 8,
    patch_size: 2,
    sample_size: 64,
    video_length: 16,
  });
  const clip = { frames: 16, height: 64, width: 64, textTokens: 120 };
  return {
    name: 'Latte-1',
    size: '512x512, 16 frames',
    build: () => ({ graph: latte(config), ...packLatte(config, [clip]) }),
  };
}

function cogvideoxModel(
  name: string,
  published: Pick<PublishedModel, 'parameters' | 'isRounded'>,
  options: object,
  clip: ClipSize,
  size: string,
): PublishedModel {
  const config = parseCogvideoxConfig(options);
  const told = { ...clip, textTokens: 226 };
  return {
    name,
    ...published,
    size,
    build: () => ({ graph: cogvideoxTransformer(config), ...packCogvideox(config, [told]) }),
  };
}

const cogvideox5b = {
  num_attention_heads: 48,
  num_layers: 42,
  use_rotary_positional_embeddings: true,
};
const cogvideoxClip = { frames: 13, height: 60, width: 90 };

function ltxModel(name: string, parameters: number, options: object): PublishedModel {
  const config = parseLtxConfig(options);
  const scale = [8 / 25, 32, 32] as const;
  const clip = { frames: 21, height: 16, width: 24, textTokens: 128, scale };
  return {
    name,
    parameters,
    isRounded: true,
    size: '768x512, 161 frames',
    build: () => ({ graph: ltxTransformer(config), ...packLtx(config, [clip]) }),
  };
}

function hunyuanModel(): PublishedModel {
  const config = parseHunyuanConfig({});
  const clip = { frames: 33, height: 90, width: 160, textTokens: 256 };
  return {
    name: 'HunyuanVideo',
    parameters: 13e9,
    isRounded: true,
    size: '1280x720, 129 frames',
    build: () => ({ graph: hunyuanTransformer(config), ...packHunyuan(config, [clip]) }),
  };
}

function mochiModel(): PublishedModel {
  const config = parseMochiConfig({});
  const clip = { frames: 6, height: 60, width: 106, textTokens: 256 };
  const frequencies = new Float32Array((3 * config.hiddenSize) / 2);
  return {
    name: 'Mochi 1',
    parameters: 10e9,
    isRounded: true,
    size: '848x480, 31 frames',
    build: () => ({ graph: mochiTransformer(config), ...packMochi(config, [clip], frequencies) }),
  };
}

function wanModel(
  name: string,
  parameters: number,
  options: object,
  clip: { readonly frames: number; readonly height: number; readonly width: number },
  size: string,
): PublishedModel {
  const config = parseWanConfig(options);
  return {
    name,
    parameters,
    size,
    build: () => ({
      graph: wanTransformer(config),
      ...packWan(config, [{ ...clip, textTokens }]),
    }),
  };
}

function unetModel(
  name: string,
  published: Pick<PublishedModel, 'parameters' | 'isRounded'>,
  config: UnetConfig,
  side: number,
  frames = 1,
): PublishedModel {
  const picture = `${8 * side}x${8 * side}`;
  return {
    name,
    ...published,
    size: frames === 1 ? picture : `${picture}, ${frames} frames`,
    build: () => ({
      graph: unet(config, { height: side, width: side, frames, textTokens: [77] }),
      sizes: {},
      inputs: {},
    }),
  };
}

const sd15 = parseUnetConfig({ cross_attention_dim: 768 });

const sdxl = parseUnetConfig({
  addition_embed_type: 'text_time',
  addition_time_embed_dim: 256,
  attention_head_dim: [5, 10, 20],
  block_out_channels: [320, 640, 1280],
  cross_attention_dim: 2048,
  down_block_types: ['DownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D'],
  projection_class_embeddings_input_dim: 2816,
  transformer_layers_per_block: [1, 2, 10],
  up_block_types: ['CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'UpBlock2D'],
  use_linear_projection: true,
});

const wide = { frames: 21, height: 60, width: 104 };

/** The models of docs/models/README.md, one forward without guidance of each. */
export const publishedModels: readonly PublishedModel[] = [
  ditModel(256),
  ditModel(512),
  pixartModel('PixArt-alpha 1024', { use_additional_conditions: true }, 120),
  pixartModel('PixArt-sigma 1024', { use_additional_conditions: false }, 300),
  sd3Model(
    'Stable Diffusion 3 medium',
    { parameters: 2e9, isRounded: true },
    { pos_embed_max_size: 192 },
  ),
  sd3Model(
    'Stable Diffusion 3.5 medium',
    // The text query of the last block.
    { parameters: 2_469_663_936, withoutEffect: 1536 * 1537 + 64 },
    {
      pos_embed_max_size: 384,
      qk_norm: 'rms_norm',
      dual_attention_layers: Array.from({ length: 13 }, (_, layer) => layer),
    },
  ),
  fluxModel(),
  latteModel(),
  cogvideoxModel(
    'CogVideoX 2b',
    { parameters: 1.69e9, isRounded: true },
    {},
    cogvideoxClip,
    '720x480, 49 frames',
  ),
  cogvideoxModel(
    'CogVideoX 5b',
    { parameters: 5_570_283_072 },
    cogvideox5b,
    cogvideoxClip,
    '720x480, 49 frames',
  ),
  cogvideoxModel(
    'CogVideoX 1.5 5b',
    { parameters: 5.57e9, isRounded: true },
    { ...cogvideox5b, patch_size_t: 2, sample_height: 300, sample_width: 300 },
    { frames: 22, height: 96, width: 170 },
    '1360x768, 81 frames',
  ),
  ltxModel('LTX-Video 2B', 1.92e9, {}),
  ltxModel('LTX-Video 13B', 13e9, {
    attention_head_dim: 128,
    cross_attention_dim: 4096,
    num_layers: 48,
  }),
  hunyuanModel(),
  mochiModel(),
  unetModel('Stable Diffusion 1.5', { parameters: 859_520_964 }, sd15, 64),
  unetModel('SDXL', { parameters: 2_567_463_684 }, sdxl, 128),
  unetModel(
    'text-to-video-ms',
    {},
    parseUnetConfig({ _class_name: 'UNet3DConditionModel' }),
    32,
    16,
  ),
  unetModel('AnimateDiff v1-5-2', {}, withMotion(sd15, {}), 64, 16),
  wanModel(
    'Wan 2.1 T2V 1.3B',
    1_418_996_800,
    { num_attention_heads: 12, ffn_dim: 8960, num_layers: 30 },
    wide,
    '832x480, 81 frames',
  ),
  wanModel('Wan 2.1 T2V 14B', 14_288_491_584, {}, wide, '832x480, 81 frames'),
  wanModel(
    'Wan 2.2 TI2V 5B',
    4_999_787_712,
    {
      num_attention_heads: 24,
      ffn_dim: 14_336,
      num_layers: 30,
      in_channels: 48,
      out_channels: 48,
    },
    { frames: 31, height: 44, width: 80 },
    '1280x704, 121 frames',
  ),
];
