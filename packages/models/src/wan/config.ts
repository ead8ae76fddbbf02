import { readConfig } from '../config-reader.js';

/** Config of a Wan transformer (2.1 and 2.2); sizes in tokens' units unless said otherwise. */
export interface WanConfig {
  /** Latent frames, rows and columns of one token. */
  readonly patchSize: readonly [t: number, h: number, w: number];
  readonly heads: number;
  readonly headDim: number;
  /** heads·headDim */
  readonly hiddenSize: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly textDim: number;
  /** Size of the sinusoidal timestep features. */
  readonly freqDim: number;
  readonly ffnDim: number;
  readonly layers: number;
  /** LayerNorm before cross-attention. */
  readonly crossAttnNorm: boolean;
  readonly epsilon: number;
  /** Size of the image tokens, null without them. */
  readonly imageDim: number | null;
  /** Image tokens of a request where they have positions (first and last frame), else null. */
  readonly imagePositions: number | null;
  /** Most tokens along one axis of a clip. */
  readonly ropeMaxSeqLen: number;
}

/**
 * Reads the config.json of a WanTransformer3DModel as diffusers 0.42.1 writes it; absent options have its defaults.
 * `qk_norm` may be null or rms_norm_across_heads and changes nothing, as there: queries and keys are always normed.
 *
 * @throws BAD_CONFIG naming the option
 */
export function parseWanConfig(json: unknown): WanConfig {
  const read = readConfig('wan', json, 'WanTransformer3DModel');
  const [t, h, w] = read.integers('patch_size', { length: 3, most: 16, default: [1, 2, 2] });
  const heads = read.integer('num_attention_heads', { most: 1024, default: 40 });
  const headDim = read.integer('attention_head_dim', { least: 2, most: 1024, default: 128 });
  const hiddenSize = heads * headDim;
  const inChannels = read.integer('in_channels', { most: 4096, default: 16 });
  const config: WanConfig = {
    patchSize: [t, h, w],
    heads,
    headDim,
    hiddenSize,
    inChannels,
    outChannels: read.optionalInteger('out_channels', { most: 4096 }) ?? inChannels,
    textDim: read.integer('text_dim', { most: 65_536, default: 4096 }),
    freqDim: read.integer('freq_dim', { least: 2, most: 65_536, default: 256 }),
    ffnDim: read.integer('ffn_dim', { most: 1_048_576, default: 13_824 }),
    layers: read.integer('num_layers', { most: 1024, default: 40 }),
    crossAttnNorm: read.flag('cross_attn_norm', true),
    epsilon: read.epsilon('eps', 1e-6),
    imageDim: read.optionalInteger('image_dim', { most: 65_536 }),
    imagePositions: read.optionalInteger('pos_embed_seq_len', { least: 2, most: 65_536 }),
    ropeMaxSeqLen: read.integer('rope_max_seq_len', { most: 65_536, default: 1024 }),
  };
  read.word('qk_norm', ['rms_norm_across_heads', null], 'rms_norm_across_heads');
  const addedDim = read.optionalInteger('added_kv_proj_dim', { most: 65_536 });
  read.finish();

  read.require(
    hiddenSize <= 65_536,
    'num_attention_heads times attention_head_dim',
    'at most 65536',
    hiddenSize,
  );
  read.require(headDim % 2 === 0, 'attention_head_dim', 'even, as rotary pairs need it', headDim);
  const expected = config.imageDim === null ? null : hiddenSize;
  read.require(
    addedDim === expected,
    'added_kv_proj_dim',
    `${expected} (null without image_dim, else the hidden size)`,
    addedDim,
  );
  const positions = config.imagePositions === null || config.imageDim !== null;
  read.require(positions, 'pos_embed_seq_len', 'null without image_dim', config.imagePositions);
  return config;
}
