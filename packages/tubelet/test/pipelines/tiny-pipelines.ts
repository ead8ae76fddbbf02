import { imageToken, type TinyPipeline } from './tiny-folder.js';

const t5 = {
  model_type: 't5',
  vocab_size: 270,
  d_model: 24,
  d_kv: 8,
  d_ff: 32,
  num_layers: 1,
  num_heads: 2,
  feed_forward_proj: 'gated-gelu',
};

export const clip = {
  vocab_size: 520,
  hidden_size: 16,
  intermediate_size: 32,
  num_hidden_layers: 3,
  num_attention_heads: 2,
  max_position_embeddings: 12,
  eos_token_id: 517,
  projection_dim: 8,
};

export const vae = {
  block_out_channels: [8, 8, 8, 8],
  down_block_types: Array(4).fill('DownEncoderBlock2D'),
  up_block_types: Array(4).fill('UpDecoderBlock2D'),
  norm_num_groups: 4,
  latent_channels: 4,
  sample_size: 32,
  scaling_factor: 1.5,
};

const attention = { num_attention_heads: 2, attention_head_dim: 12, num_layers: 2 };

export const pixart: TinyPipeline = {
  className: 'PixArtAlphaPipeline',
  models: {
    text_encoder: ['T5EncoderModel', t5],
    transformer: [
      'PixArtTransformer2DModel',
      {
        ...attention,
        sample_size: 32,
        in_channels: 4,
        out_channels: 8,
        cross_attention_dim: 24,
        caption_channels: 24,
        use_additional_conditions: true,
      },
    ],
    vae: ['AutoencoderKL', vae],
  },
  tokenizers: { tokenizer: 't5' },
  scheduler: { _class_name: 'DPMSolverMultistepScheduler', beta_schedule: 'linear' },
};

export const sd3: TinyPipeline = {
  className: 'StableDiffusion3Pipeline',
  models: {
    text_encoder: ['CLIPTextModelWithProjection', clip],
    text_encoder_2: ['CLIPTextModelWithProjection', { ...clip, hidden_size: 8, projection_dim: 4 }],
    text_encoder_3: ['T5EncoderModel', t5],
    transformer: [
      'SD3Transformer2DModel',
      {
        ...attention,
        sample_size: 8,
        in_channels: 4,
        caption_projection_dim: 24,
        joint_attention_dim: 24,
        pooled_projection_dim: 12,
        pos_embed_max_size: 12,
        qk_norm: 'rms_norm',
        dual_attention_layers: [0],
      },
    ],
    vae: [
      'AutoencoderKL',
      { ...vae, shift_factor: 0.1, use_quant_conv: false, use_post_quant_conv: false },
    ],
  },
  tokenizers: { tokenizer: 'clip', tokenizer_2: 'clip', tokenizer_3: 't5' },
  scheduler: { _class_name: 'FlowMatchEulerDiscreteScheduler', shift: 3 },
};

export const flux: TinyPipeline = {
  className: 'FluxPipeline',
  models: {
    text_encoder: ['CLIPTextModel', clip],
    text_encoder_2: ['T5EncoderModel', t5],
    transformer: [
      'FluxTransformer2DModel',
      {
        num_attention_heads: 2,
        attention_head_dim: 12,
        axes_dims_rope: [4, 4, 4],
        num_layers: 1,
        num_single_layers: 1,
        in_channels: 16,
        joint_attention_dim: 24,
        pooled_projection_dim: 16,
        guidance_embeds: true,
      },
    ],
    vae: ['AutoencoderKL', { ...vae, shift_factor: 0.1 }],
  },
  tokenizers: { tokenizer: 'clip', tokenizer_2: 't5' },
  scheduler: {
    _class_name: 'FlowMatchEulerDiscreteScheduler',
    shift: 3,
    use_dynamic_shifting: true,
  },
};

export const latte: TinyPipeline = {
  className: 'LattePipeline',
  models: {
    text_encoder: ['T5EncoderModel', t5],
    transformer: [
      'LatteTransformer3DModel',
      {
        ...attention,
        sample_size: 8,
        patch_size: 2,
        in_channels: 4,
        out_channels: 8,
        cross_attention_dim: 24,
        caption_channels: 24,
        video_length: 4,
      },
    ],
    vae: ['AutoencoderKL', vae],
  },
  tokenizers: { tokenizer: 't5' },
  scheduler: { _class_name: 'DDIMScheduler', clip_sample: false, beta_schedule: 'linear' },
};

const cogvideoxTransformer = {
  num_attention_heads: 2,
  attention_head_dim: 16,
  num_layers: 2,
  in_channels: 4,
  out_channels: 4,
  text_embed_dim: 24,
  time_embed_dim: 16,
  sample_width: 8,
  sample_height: 6,
  sample_frames: 9,
  max_text_seq_length: 10,
};

const cogvideoxVae = {
  block_out_channels: [4, 4, 8, 8],
  down_block_types: Array(4).fill('CogVideoXDownBlock3D'),
  up_block_types: Array(4).fill('CogVideoXUpBlock3D'),
  norm_num_groups: 2,
  layers_per_block: 1,
  latent_channels: 4,
  sample_height: 48,
  sample_width: 64,
};

export const cogvideox: TinyPipeline = {
  className: 'CogVideoXPipeline',
  models: {
    text_encoder: ['T5EncoderModel', t5],
    transformer: ['CogVideoXTransformer3DModel', cogvideoxTransformer],
    vae: ['AutoencoderKLCogVideoX', cogvideoxVae],
  },
  tokenizers: { tokenizer: 't5' },
  scheduler: { _class_name: 'CogVideoXDPMScheduler', snr_shift_scale: 3 },
};

/** CogVideoX 1.5 for image to video. */
export const cogvideoxImage: TinyPipeline = {
  ...cogvideox,
  className: 'CogVideoXImageToVideoPipeline',
  models: {
    ...cogvideox.models,
    transformer: [
      'CogVideoXTransformer3DModel',
      {
        ...cogvideoxTransformer,
        in_channels: 8,
        patch_size_t: 2,
        ofs_embed_dim: 16,
        use_rotary_positional_embeddings: true,
      },
    ],
  },
  scheduler: { _class_name: 'CogVideoXDDIMScheduler', clip_sample: false },
};

/** CogVideoX 1.5: two latent frames are one token. */
export const cogvideox15: TinyPipeline = {
  ...cogvideox,
  models: {
    ...cogvideox.models,
    transformer: [
      'CogVideoXTransformer3DModel',
      {
        ...cogvideoxTransformer,
        patch_size_t: 2,
        use_rotary_positional_embeddings: true,
      },
    ],
  },
  scheduler: { _class_name: 'CogVideoXDDIMScheduler', clip_sample: false },
};

export const hunyuan: TinyPipeline = {
  className: 'HunyuanVideoPipeline',
  models: {
    text_encoder: [
      'LlamaModel',
      {
        vocab_size: 370,
        hidden_size: 16,
        intermediate_size: 24,
        num_hidden_layers: 3,
        num_attention_heads: 4,
        num_key_value_heads: 2,
      },
    ],
    text_encoder_2: ['CLIPTextModel', clip],
    transformer: [
      'HunyuanVideoTransformer3DModel',
      {
        num_attention_heads: 2,
        attention_head_dim: 12,
        rope_axes_dim: [4, 4, 4],
        num_layers: 1,
        num_single_layers: 1,
        num_refiner_layers: 1,
        in_channels: 4,
        out_channels: 4,
        text_embed_dim: 16,
        pooled_projection_dim: 16,
      },
    ],
    vae: [
      'AutoencoderKLHunyuanVideo',
      {
        block_out_channels: [4, 4, 8, 8],
        norm_num_groups: 2,
        layers_per_block: 1,
        latent_channels: 4,
      },
    ],
  },
  tokenizers: { tokenizer: 'llama', tokenizer_2: 'clip' },
  scheduler: { _class_name: 'FlowMatchEulerDiscreteScheduler', shift: 7 },
};

/** Images of 8x8 pixels are 4 tokens. */
const llava = {
  image_token_index: imageToken,
  text_config: hunyuan.models.text_encoder![1],
  vision_config: {
    hidden_size: 12,
    intermediate_size: 20,
    num_hidden_layers: 3,
    num_attention_heads: 2,
    image_size: 8,
    patch_size: 4,
  },
};

const hunyuanOfImage = (transformer: object): TinyPipeline => ({
  ...hunyuan,
  className: 'HunyuanVideoImageToVideoPipeline',
  models: {
    ...hunyuan.models,
    text_encoder: ['LlavaForConditionalGeneration', llava],
    transformer: [
      'HunyuanVideoTransformer3DModel',
      { ...hunyuan.models.transformer![1], ...transformer },
    ],
  },
  tokenizers: { tokenizer: 'llava', tokenizer_2: 'clip' },
  imageProcessor: { size: { shortest_edge: 8 }, crop_size: { height: 8, width: 8 } },
});

/** HunyuanVideo I2V: the image is the first latent frame. */
export const hunyuanImage = hunyuanOfImage({ image_condition_type: 'token_replace' });

/** HunyuanVideo I2V of 33 channels: the image is beside the latents. */
export const hunyuanBeside = hunyuanOfImage({
  image_condition_type: 'latent_concat',
  in_channels: 9,
});

export const mochi: TinyPipeline = {
  className: 'MochiPipeline',
  index: { force_zeros_for_empty_prompt: true },
  models: {
    text_encoder: ['T5EncoderModel', t5],
    transformer: [
      'MochiTransformer3DModel',
      {
        num_attention_heads: 2,
        attention_head_dim: 12,
        num_layers: 2,
        in_channels: 4,
        pooled_projection_dim: 16,
        text_embed_dim: 24,
        time_embed_dim: 8,
      },
    ],
    vae: [
      'AutoencoderKLMochi',
      {
        latent_channels: 4,
        encoder_block_out_channels: [32, 32, 32, 32],
        decoder_block_out_channels: [32, 32, 32, 32],
        layers_per_block: [1, 1, 1, 1, 1],
        latents_mean: [0.1, 0, -0.1, 0.2],
        latents_std: [1, 0.9, 1.1, 1],
      },
    ],
  },
  tokenizers: { tokenizer: 't5' },
  scheduler: { _class_name: 'FlowMatchEulerDiscreteScheduler', invert_sigmas: true },
};

const ltxVae = {
  latent_channels: 8,
  block_out_channels: [8, 8],
  down_block_types: ['LTXVideoDownBlock3D', 'LTXVideoDownBlock3D'],
  layers_per_block: [1, 1, 1],
  spatio_temporal_scaling: [true, false],
  decoder_block_out_channels: [8, 8],
  decoder_layers_per_block: [1, 1, 1],
  decoder_spatio_temporal_scaling: [true, false],
  downsample_type: ['conv', 'conv'],
  decoder_inject_noise: [true, false, false],
  upsample_residual: [true, false],
  upsample_factor: [1, 1],
  timestep_conditioning: true,
};

export const ltx: TinyPipeline = {
  className: 'LTXPipeline',
  models: {
    text_encoder: ['T5EncoderModel', t5],
    transformer: [
      'LTXVideoTransformer3DModel',
      {
        ...attention,
        in_channels: 8,
        out_channels: 8,
        cross_attention_dim: 24,
        caption_channels: 24,
      },
    ],
    vae: ['AutoencoderKLLTXVideo', ltxVae],
  },
  tokenizers: { tokenizer: 't5' },
  scheduler: {
    _class_name: 'FlowMatchEulerDiscreteScheduler',
    use_dynamic_shifting: true,
    base_shift: 0.95,
    max_shift: 2.05,
    base_image_seq_len: 1024,
    shift_terminal: 0.1,
  },
};
