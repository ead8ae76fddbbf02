import type { TinyPipeline } from './tiny-folder.js';

const textEncoder = {
  model_type: 'umt5',
  vocab_size: 270,
  d_model: 24,
  d_kv: 8,
  d_ff: 32,
  num_layers: 1,
  num_heads: 2,
};

const transformer = {
  num_attention_heads: 2,
  attention_head_dim: 12,
  in_channels: 4,
  out_channels: 4,
  text_dim: 24,
  freq_dim: 16,
  ffn_dim: 32,
  num_layers: 2,
};

const vae = {
  base_dim: 4,
  z_dim: 4,
  num_res_blocks: 1,
  latents_mean: [0.1, 0, -0.2, 0.3],
  latents_std: [1, 0.9, 1.1, 1.2],
};

/** Images of 8x8 pixels are 5 tokens. */
const imageEncoder = {
  hidden_size: 16,
  intermediate_size: 32,
  num_hidden_layers: 3,
  num_attention_heads: 2,
  image_size: 8,
  patch_size: 4,
  hidden_act: 'gelu',
};

const imageProcessor = { size: { shortest_edge: 8 }, crop_size: { height: 8, width: 8 } };

const euler = { _class_name: 'FlowMatchEulerDiscreteScheduler', shift: 5 };

export const wan: TinyPipeline = {
  className: 'WanPipeline',
  models: {
    text_encoder: ['UMT5EncoderModel', textEncoder],
    transformer: ['WanTransformer3DModel', transformer],
    vae: ['AutoencoderKLWan', vae],
  },
  tokenizers: { tokenizer: 't5' },
  scheduler: euler,
};

/** Wan 2.1 I2V: an image beside the latents and as tokens. */
export const wanImage: TinyPipeline = {
  ...wan,
  className: 'WanImageToVideoPipeline',
  models: {
    ...wan.models,
    image_encoder: ['CLIPVisionModel', imageEncoder],
    transformer: [
      'WanTransformer3DModel',
      { ...transformer, in_channels: 12, image_dim: 16, added_kv_proj_dim: 24 },
    ],
  },
  imageProcessor,
  index: { transformer_2: [null, null], boundary_ratio: null, expand_timesteps: false },
  scheduler: {
    _class_name: 'UniPCMultistepScheduler',
    prediction_type: 'flow_prediction',
    use_flow_sigmas: true,
    flow_shift: 3,
  },
};

/** Wan 2.1 FLF2V: tokens of the first and the last image, with positions. */
export const wanLast: TinyPipeline = {
  ...wanImage,
  models: {
    ...wanImage.models,
    transformer: [
      'WanTransformer3DModel',
      {
        ...transformer,
        in_channels: 12,
        image_dim: 16,
        added_kv_proj_dim: 24,
        pos_embed_seq_len: 10,
      },
    ],
  },
  scheduler: euler,
};

/** Wan 2.2 T2V-A14B: two experts. */
export const wanExperts: TinyPipeline = {
  ...wan,
  models: {
    ...wan.models,
    transformer_2: ['WanTransformer3DModel', { ...transformer, num_layers: 3, ffn_dim: 40 }],
  },
  index: { boundary_ratio: 0.875 },
};

/** Wan 2.2 I2V-A14B: two experts, an image beside the latents alone. */
export const wanImageExperts: TinyPipeline = {
  ...wan,
  className: 'WanImageToVideoPipeline',
  models: {
    ...wan.models,
    transformer: ['WanTransformer3DModel', { ...transformer, in_channels: 12 }],
    transformer_2: [
      'WanTransformer3DModel',
      { ...transformer, in_channels: 12, num_layers: 3, ffn_dim: 40 },
    ],
  },
  index: {
    image_encoder: [null, null],
    image_processor: [null, null],
    boundary_ratio: 0.9,
  },
};
