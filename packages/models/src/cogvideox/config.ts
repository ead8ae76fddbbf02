import { readConfig } from '../config-reader.js';

/**
 * How tokens know their place: `computed` sines and cosines that are added (2B), `rotary` (5B, 1.5), or `rotary-learned`, rotary
 * and a learned table besides (5B image to video).
 */
export type CogvideoxPositions = 'computed' | 'rotary' | 'rotary-learned';

/** Config of a CogVideoX transformer. Sizes of latents count frames, rows and columns. */
export interface CogvideoxConfig {
  /** Rows and columns of one token. */
  readonly patchSize: number;
  /** Latent frames of one token (1.5), null where every frame has its own (1.0). */
  readonly patchSizeT: number | null;
  /** Whether the patch embedding of 1.0 has a bias; that of 1.5 always has. */
  readonly patchBias: boolean;
  readonly heads: number;
  readonly headDim: number;
  /** heads·headDim */
  readonly hiddenSize: number;
  /** Of the latents and, behind them, of the image they are conditioned by. */
  readonly inChannels: number;
  readonly outChannels: number;
  readonly textDim: number;
  /** Width of the embedded timestep. */
  readonly timeDim: number;
  /** Width of the features of a second condition, `ofs` (1.5 image to video); null without it. */
  readonly ofsDim: number | null;
  readonly cosFirst: boolean;
  readonly freqShift: number;
  readonly layers: number;
  /** Whether queries, keys and values have biases. */
  readonly attentionBias: boolean;
  /** Whether the norms have weights. */
  readonly affineNorms: boolean;
  readonly epsilon: number;
  readonly positions: CogvideoxPositions;
  /** Text tokens where positions are added to the text too. */
  readonly maxTextTokens: number;
  /** Latents it was trained on. */
  readonly trained: { readonly frames: number; readonly height: number; readonly width: number };
  readonly spatialScale: number;
  readonly temporalScale: number;
}

/**
 * Reads the config.json of a CogVideoXTransformer3DModel as diffusers 0.42.1 writes it; absent options have its defaults.
 *
 * @throws BAD_CONFIG naming the option
 */
export function parseCogvideoxConfig(json: unknown): CogvideoxConfig {
  const read = readConfig('cogvideox', json, 'CogVideoXTransformer3DModel');
  const heads = read.integer('num_attention_heads', { most: 1024, default: 30 });
  const headDim = read.integer('attention_head_dim', { most: 1024, default: 64 });
  const hiddenSize = heads * headDim;
  const rotary = read.flag('use_rotary_positional_embeddings', false);
  const learned = read.flag('use_learned_positional_embeddings', false);
  const ratio = read.integer('temporal_compression_ratio', { most: 64, default: 4 });
  const sampleFrames = read.integer('sample_frames', { most: 1_048_576, default: 49 });
  const config: CogvideoxConfig = {
    patchSize: read.integer('patch_size', { most: 64, default: 2 }),
    patchSizeT: read.optionalInteger('patch_size_t', { most: 64 }),
    patchBias: read.flag('patch_bias', true),
    heads,
    headDim,
    hiddenSize,
    inChannels: read.integer('in_channels', { most: 4096, default: 16 }),
    outChannels: read.integer('out_channels', { most: 4096, default: 16 }),
    textDim: read.integer('text_embed_dim', { most: 65_536, default: 4096 }),
    timeDim: read.integer('time_embed_dim', { most: 65_536, default: 512 }),
    ofsDim: read.optionalInteger('ofs_embed_dim', { least: 2, most: 65_536 }),
    cosFirst: read.flag('flip_sin_to_cos', true),
    freqShift: read.number('freq_shift', 0),
    layers: read.integer('num_layers', { most: 1024, default: 30 }),
    attentionBias: read.flag('attention_bias', true),
    affineNorms: read.flag('norm_elementwise_affine', true),
    epsilon: read.epsilon('norm_eps', 1e-5),
    positions: rotary ? (learned ? 'rotary-learned' : 'rotary') : 'computed',
    maxTextTokens: read.integer('max_text_seq_length', { most: 65_536, default: 226 }),
    trained: {
      frames: Math.floor((sampleFrames - 1) / ratio) + 1,
      height: read.integer('sample_height', { most: 65_536, default: 60 }),
      width: read.integer('sample_width', { most: 65_536, default: 90 }),
    },
    spatialScale: read.number('spatial_interpolation_scale', 1.875),
    temporalScale: read.number('temporal_interpolation_scale', 1),
  };
  read.only('activation_fn', 'gelu-approximate');
  read.only('timestep_activation_fn', 'silu');
  read.ignore('dropout');
  read.finish();

  const { require } = read;
  const width = 'num_attention_heads times attention_head_dim';
  require(hiddenSize <= 65_536, width, 'at most 65536', hiddenSize);
  const learnedKey = 'use_learned_positional_embeddings';
  require(rotary || !learned, learnedKey, 'false without rotary embeddings', learned);
  const added = config.positions !== 'rotary';
  const sixteens = !added || hiddenSize % 16 === 0;
  require(sixteens, width, 'a multiple of 16 where positions are added', hiddenSize);
  const turns = !rotary || headDim % 16 === 0;
  require(turns, 'attention_head_dim', 'a multiple of 16 for rotary embeddings', headDim);
  const flat = config.patchSizeT === null || !added;
  require(flat, 'patch_size_t', 'null where positions are added', config.patchSizeT);
  const sums = config.ofsDim === null || config.ofsDim === config.timeDim;
  require(sums, 'ofs_embed_dim', `null or time_embed_dim ${config.timeDim}`, config.ofsDim);
  const features = Math.floor(Math.min(hiddenSize, config.ofsDim ?? hiddenSize) / 2);
  const shifts = config.freqShift < features;
  require(shifts, 'freq_shift', `below ${features}, half of the features`, config.freqShift);
  for (const [key, side] of [
    ['sample_height', config.trained.height],
    ['sample_width', config.trained.width],
  ] as const)
    require(side >= config.patchSize, key, `at least patch_size ${config.patchSize}`, side);
  for (const [key, scale] of [
    ['spatial_interpolation_scale', config.spatialScale],
    ['temporal_interpolation_scale', config.temporalScale],
  ] as const)
    require(scale > 0, key, 'above 0', scale);
  return config;
}
