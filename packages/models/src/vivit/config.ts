import type { Activation } from '@tubelet/graph';
import { type ConfigReader, readConfig } from '../config-reader.js';
import { activations } from '../text-encoder/config.js';
import type { VitBlockConfig } from '../vit/block.js';
import { readImageSize, readLabels, unread } from '../vit/config.js';

/** The paper's four designs (Arnab et al. 2021, section 3.3). */
export const vivitAttentions = [
  /** Model 1: all tokens attend all. */
  'spacetime',
  /** Model 2: an encoder for each frame, then one over the frames. */
  'factorized-encoder',
  /** Model 3: every layer attends over space, and over time. */
  'factorized-self-attention',
  /** Model 4: half of the heads attend over time, half over space. */
  'factorized-dot-product',
] as const;
/** One of {@link vivitAttentions}. */
export type VivitAttention = (typeof vivitAttentions)[number];

/** The layers of a transformer. */
export interface VivitEncoder {
  readonly layers: number;
  readonly heads: number;
  readonly ffnDim: number;
}

/** Config of a ViViT (Arnab et al. 2021). */
export interface VivitConfig {
  readonly attention: VivitAttention;
  /** Of model 3: which comes first. */
  readonly attentionOrder: 'time-space' | 'space-time';
  /** Frames of a clip, after sampling. */
  readonly frames: number;
  /** Pixels. */
  readonly imageSize: readonly [height: number, width: number];
  readonly channels: number;
  /** Frames and pixels of a token; one frame with uniform frame sampling. */
  readonly tubeletSize: readonly [t: number, h: number, w: number];
  readonly hiddenSize: number;
  /** The only encoder, or the spatial one of model 2. */
  readonly encoder: VivitEncoder;
  /** Over the frames, in model 2. */
  readonly temporalEncoder: VivitEncoder | null;
  readonly epsilon: number;
  readonly activation: Activation;
  readonly qkvBias: boolean;
  /** What speaks for a clip (in model 2 for each frame too): a class token, or the mean of all tokens. */
  readonly summary: 'class' | 'mean';
  /** Of the pooler, where a checkpoint has one. */
  readonly poolerDim: number;
  /** Width of a layer with tanh before the classifier. */
  readonly representationSize: number | null;
  /** Names of the classes, null for a model without a classification head. */
  readonly labels: readonly string[] | null;
}

/**
 * Reads the config.json of a VivitModel or VivitForVideoClassification (model 1) as transformers 5.23.0 writes it; absent
 * options have its defaults.
 *
 * @throws BAD_CONFIG naming the option
 */
export function parseVivitConfig(json: unknown): VivitConfig {
  const read = readConfig('vivit', json);
  read.word('model_type', ['vivit'], 'vivit');
  const architectures = ['VivitModel', 'VivitForVideoClassification'] as const;
  const [architecture] = read.words('architectures', architectures, ['VivitModel']);
  const imageSize = readImageSize(read);
  const hiddenSize = read.integer('hidden_size', { most: 65_536, default: 768 });
  const [t, h, w] = read.integers('tubelet_size', {
    most: 1024,
    length: 3,
    default: [2, 16, 16],
  });
  const config: VivitConfig = {
    attention: 'spacetime',
    attentionOrder: 'space-time',
    frames: read.integer('num_frames', { most: 65_536, default: 32 }),
    imageSize,
    channels: read.integer('num_channels', { most: 4096, default: 3 }),
    tubeletSize: [t, h, w],
    hiddenSize,
    encoder: {
      layers: read.integer('num_hidden_layers', { most: 1024, default: 12 }),
      heads: read.integer('num_attention_heads', { most: 1024, default: 12 }),
      ffnDim: read.integer('intermediate_size', { most: 1_048_576, default: 3072 }),
    },
    temporalEncoder: null,
    epsilon: read.epsilon('layer_norm_eps', 1e-6),
    activation: activations[read.word('hidden_act', Object.keys(activations), 'gelu_fast')],
    qkvBias: read.flag('qkv_bias', true),
    summary: 'class',
    poolerDim: read.optionalInteger('pooler_output_size', { most: 65_536 }) ?? hiddenSize,
    representationSize: null,
    labels: architecture === 'VivitForVideoClassification' ? readLabels(read) : null,
  };
  read.word('pooler_act', ['tanh'], 'tanh');
  read.ignore('id2label', 'video_size', ...unread);
  read.finish();
  requireWhole(read, config, 'num_attention_heads');
  return config;
}

/** Sizes that must divide one another; `heads` names the option in errors. */
export function requireWhole(read: ConfigReader, config: VivitConfig, heads: string): void {
  const { frames, imageSize, tubeletSize, hiddenSize, encoder, temporalEncoder } = config;
  for (const { heads: count } of temporalEncoder ? [encoder, temporalEncoder] : [encoder])
    read.require(
      hiddenSize % count === 0,
      'hidden_size',
      `a multiple of ${heads} ${count}`,
      hiddenSize,
    );
  const isEven = config.attention !== 'factorized-dot-product' || encoder.heads % 2 === 0;
  read.require(isEven, heads, 'even, half for time and half for space', encoder.heads);
  const [t, ...patch] = tubeletSize;
  const sides = imageSize.every((pixels, i) => pixels % patch[i] === 0);
  read.require(sides, 'sides of a frame', `multiples of the tubelet's ${patch}`, imageSize);
  read.require(frames % t === 0, 'frames', `a multiple of the tubelet's ${t}`, frames);
}

/** What a layer of an encoder reads. */
export function blockConfig(
  { hiddenSize, activation, qkvBias, epsilon }: VivitConfig,
  { heads, ffnDim }: VivitEncoder,
): VitBlockConfig {
  return { hiddenSize, heads, ffnDim, activation, qkvBias, epsilon };
}

/** The name of an input of one of two encoders: segments, frameSegments. */
export function inputName(prefix: string, name: string): string {
  return prefix === '' ? name : `${prefix}${name[0].toUpperCase()}${name.slice(1)}`;
}
