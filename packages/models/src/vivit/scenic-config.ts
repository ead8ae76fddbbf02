import { readConfig } from '../config-reader.js';
import {
  requireWhole,
  type VivitAttention,
  type VivitConfig,
  type VivitEncoder,
} from './config.js';

const attentions: Readonly<Record<string, VivitAttention>> = {
  spacetime: 'spacetime',
  factorized_encoder: 'factorized-encoder',
  factorized_self_attention_block: 'factorized-self-attention',
  factorized_dot_product_attention: 'factorized-dot-product',
};

/** Of a video classification model of scenic: its frames, and its classes. */
interface Dataset {
  readonly classes: number;
  readonly frames: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/**
 * Reads the config of a ViViT of scenic (google-research/scenic@4a38d47, projects/vivit): `model` as its config files have it,
 * `dataset` with `num_classes` and `input_shape` [batch, frames, height, width, channels].
 *
 * @throws BAD_CONFIG naming the option
 */
export function parseScenicVivitConfig(json: unknown): VivitConfig {
  const whole = readConfig('vivit', json);
  const { model, dataset } = json as Record<string, unknown>;
  whole.ignore('model', 'dataset');
  whole.finish();
  const { classes, ...clip } = readDataset(dataset);
  const read = readConfig('vivit', model);
  const { attention_config, temporal_encoding_config, patches } = model as Record<string, unknown>;
  const { attention, attentionOrder } = readAttention(attention_config);
  const sampled = readSampledFrames(temporal_encoding_config);
  const patch = readConfig('vivit', patches);
  const [h, w, t = 1] = patch.integers('size', {
    most: 1024,
    length: sampled === null ? 3 : 2,
    default: [],
  });
  patch.finish();
  const isFactorized = attention === 'factorized-encoder';
  const own = {
    layers: read.integer('num_layers', { most: 1024, default: 12 }),
    heads: read.integer('num_heads', { most: 1024, default: 12 }),
    ffnDim: read.integer('mlp_dim', { most: 1_048_576, default: 3072 }),
  };
  const { spatial_transformer, temporal_transformer } = model as Record<string, unknown>;
  const summary = read.word('classifier', ['gap', 'token'], 'gap');
  const config: VivitConfig = {
    attention,
    attentionOrder,
    frames: sampled === null ? clip.frames : Math.min(sampled, clip.frames),
    imageSize: [clip.height, clip.width],
    channels: clip.channels,
    tubeletSize: [t, h, w],
    hiddenSize: read.integer('hidden_size', { most: 65_536, default: 768 }),
    encoder: isFactorized ? readEncoder(spatial_transformer) : own,
    temporalEncoder: isFactorized ? readEncoder(temporal_transformer) : null,
    epsilon: 1e-6,
    activation: 'gelu_tanh',
    qkvBias: true,
    summary: summary === 'token' ? 'class' : 'mean',
    poolerDim: 0,
    representationSize: read.optionalInteger('representation_size', { most: 65_536 }),
    labels: Array.from({ length: classes }, (_, i) => `LABEL_${i}`),
  };
  for (const key of ['return_prelogits', 'return_preclassifier']) read.only(key, false);
  read.ignore('patches', 'attention_config', 'temporal_encoding_config');
  read.ignore('spatial_transformer', 'temporal_transformer');
  read.ignore('dropout_rate', 'attention_dropout_rate', 'stochastic_droplayer_rate');
  read.finish();
  const hasToken = attention === 'spacetime' || isFactorized;
  read.require(hasToken || summary === 'gap', 'classifier', 'gap for this attention', summary);
  requireWhole(read, config, 'num_heads');
  return config;
}

function readDataset(json: unknown): Dataset {
  const read = readConfig('vivit', json);
  const shape = { most: 65_536, length: 5, default: [] };
  const [, frames, height, width, channels] = read.integers('input_shape', shape);
  const classes = read.integer('num_classes', { most: 16_777_216 });
  read.finish();
  return { classes, frames, height, width, channels };
}

function readAttention(json: unknown) {
  const read = readConfig('vivit', json ?? {});
  const type = read.word('type', Object.keys(attentions), 'spacetime');
  const order = read.word('attention_order', ['time_space', 'space_time'], 'time_space');
  read.only('spatial_only_baseline', false);
  read.ignore('attention_kernel_init_method');
  read.finish();
  const attentionOrder = order === 'time_space' ? 'time-space' : 'space-time';
  return { attention: attentions[type], attentionOrder } as const;
}

/** Null for tubelets. */
function readSampledFrames(json: unknown): number | null {
  const read = readConfig('vivit', json ?? {});
  const method = read.word('method', ['3d_conv', 'temporal_sampling'], '3d_conv');
  read.ignore('kernel_init_method');
  const isSampled = method === 'temporal_sampling';
  const frames = isSampled ? read.integer('n_sampled_frames', { most: 65_536 }) : null;
  read.finish();
  return frames;
}

function readEncoder(json: unknown): VivitEncoder {
  const read = readConfig('vivit', json);
  const encoder = {
    layers: read.integer('num_layers', { most: 1024 }),
    heads: read.integer('num_heads', { most: 1024 }),
    ffnDim: read.integer('mlp_dim', { most: 1_048_576 }),
  };
  read.finish();
  return encoder;
}
