import type { TinyPipeline } from './tiny-folder.js';
import { clip, vae } from './tiny-pipelines.js';

/** Two levels, the first with attention; sides of 3 latents go down to 2. */
const unet = {
  attention_head_dim: 2,
  block_out_channels: [8, 8],
  cross_attention_dim: 16,
  down_block_types: ['CrossAttnDownBlock2D', 'DownBlock2D'],
  layers_per_block: 1,
  norm_num_groups: 4,
  sample_size: 8,
  up_block_types: ['UpBlock2D', 'CrossAttnUpBlock2D'],
};
const ofClips = {
  ...unet,
  down_block_types: ['CrossAttnDownBlock3D', 'DownBlock3D'],
  up_block_types: ['UpBlock3D', 'CrossAttnUpBlock3D'],
};

const noise = { beta_start: 0.00085, beta_end: 0.012, beta_schedule: 'scaled_linear' };

export const stableDiffusion: TinyPipeline = {
  className: 'StableDiffusionPipeline',
  index: {
    safety_checker: ['stable_diffusion', 'StableDiffusionSafetyChecker'],
    feature_extractor: ['transformers', 'CLIPImageProcessor'],
    image_encoder: [null, null],
    requires_safety_checker: true,
  },
  models: {
    text_encoder: ['CLIPTextModel', clip],
    unet: ['UNet2DConditionModel', unet],
    vae: ['AutoencoderKL', vae],
  },
  tokenizers: { tokenizer: 'clip' },
  scheduler: {
    _class_name: 'PNDMScheduler',
    ...noise,
    set_alpha_to_one: false,
    skip_prk_steps: true,
    steps_offset: 1,
  },
};

/** Stable Diffusion 2.1: v-prediction, linear projections. */
export const stableDiffusion2: TinyPipeline = {
  ...stableDiffusion,
  models: {
    ...stableDiffusion.models,
    unet: ['UNet2DConditionModel', { ...unet, use_linear_projection: true }],
  },
  // Of its time: clipping and no offset, which the pipeline sets right.
  scheduler: {
    _class_name: 'DDIMScheduler',
    ...noise,
    prediction_type: 'v_prediction',
    set_alpha_to_one: false,
  },
};

/** A consistency model, which is told the guidance scale. */
export const distilled: TinyPipeline = {
  ...stableDiffusion,
  models: {
    ...stableDiffusion.models,
    unet: ['UNet2DConditionModel', { ...unet, time_cond_proj_dim: 9 }],
  },
  scheduler: { _class_name: 'DDIMScheduler', ...noise, steps_offset: 1, clip_sample: false },
};

export const stableDiffusionXl: TinyPipeline = {
  className: 'StableDiffusionXLPipeline',
  index: { force_zeros_for_empty_prompt: true },
  models: {
    text_encoder: ['CLIPTextModel', clip],
    text_encoder_2: ['CLIPTextModelWithProjection', { ...clip, hidden_size: 8, projection_dim: 4 }],
    unet: [
      'UNet2DConditionModel',
      {
        ...unet,
        addition_embed_type: 'text_time',
        addition_time_embed_dim: 4,
        cross_attention_dim: 24,
        projection_class_embeddings_input_dim: 28,
        transformer_layers_per_block: [2, 1],
      },
    ],
    vae: ['AutoencoderKL', { ...vae, scaling_factor: 0.13025 }],
  },
  tokenizers: { tokenizer: 'clip', tokenizer_2: 'clip' },
  scheduler: {
    _class_name: 'EulerDiscreteScheduler',
    ...noise,
    steps_offset: 1,
    timestep_spacing: 'leading',
  },
};

export const textToVideo: TinyPipeline = {
  className: 'TextToVideoSDPipeline',
  models: {
    text_encoder: ['CLIPTextModel', clip],
    unet: ['UNet3DConditionModel', { ...ofClips, attention_head_dim: 4 }],
    vae: ['AutoencoderKL', vae],
  },
  tokenizers: { tokenizer: 'clip' },
  scheduler: { _class_name: 'DDIMScheduler', ...noise, clip_sample: false, steps_offset: 1 },
};

export const animateDiff: TinyPipeline = {
  className: 'AnimateDiffPipeline',
  models: {
    motion_adapter: [
      'MotionAdapter',
      {
        block_out_channels: [8, 8],
        motion_layers_per_block: 1,
        motion_max_seq_length: 4,
        motion_norm_num_groups: 4,
        motion_num_attention_heads: 2,
      },
    ],
    text_encoder: ['CLIPTextModel', clip],
    unet: ['UNet2DConditionModel', unet],
    vae: ['AutoencoderKL', vae],
  },
  tokenizers: { tokenizer: 'clip' },
  scheduler: { _class_name: 'DDIMScheduler', ...noise, clip_sample: false, steps_offset: 1 },
};
