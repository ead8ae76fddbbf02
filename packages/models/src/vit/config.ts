import type { Activation } from '@tubelet/graph';
import { type ConfigReader, readConfig } from '../config-reader.js';
import { activations } from '../text-encoder/config.js';

/** Config of a ViT (Dosovitskiy et al. 2020). */
export interface VitConfig {
  /** Pixels of the images it was trained on; other sizes have their positions interpolated. */
  readonly imageSize: readonly [height: number, width: number];
  readonly patchSize: number;
  readonly channels: number;
  readonly hiddenSize: number;
  readonly heads: number;
  readonly ffnDim: number;
  readonly layers: number;
  readonly epsilon: number;
  readonly activation: Activation;
  readonly qkvBias: boolean;
  /** Of the pooler, where a checkpoint has one. */
  readonly poolerDim: number;
  /** Names of the classes, null for a model without a classification head. */
  readonly labels: readonly string[] | null;
}

/** Options of training and of the library, which a model does not read. */
export const unread = [
  'attention_probs_dropout_prob',
  'dtype',
  'hidden_dropout_prob',
  'initializer_range',
  'label2id',
  'num_labels',
  'output_attentions',
  'output_hidden_states',
  'problem_type',
  'return_dict',
  'torch_dtype',
  'transformers_version',
];

/**
 * Reads the config.json of a ViTModel or ViTForImageClassification as transformers 5.23.0 writes it; absent options have its
 * defaults.
 *
 * @throws BAD_CONFIG naming the option
 */
export function parseVitConfig(json: unknown): VitConfig {
  const read = readConfig('vit', json);
  read.word('model_type', ['vit'], 'vit');
  const architectures = ['ViTModel', 'ViTForImageClassification'] as const;
  const [architecture] = read.words('architectures', architectures, ['ViTModel']);
  const hiddenSize = read.integer('hidden_size', { most: 65_536, default: 768 });
  const imageSize = readImageSize(read);
  const config: VitConfig = {
    imageSize,
    patchSize: read.integer('patch_size', { most: 1024, default: 16 }),
    channels: read.integer('num_channels', { most: 4096, default: 3 }),
    hiddenSize,
    heads: read.integer('num_attention_heads', { most: 1024, default: 12 }),
    ffnDim: read.integer('intermediate_size', { most: 1_048_576, default: 3072 }),
    layers: read.integer('num_hidden_layers', { most: 1024, default: 12 }),
    epsilon: read.epsilon('layer_norm_eps', 1e-12),
    activation: activations[read.word('hidden_act', Object.keys(activations), 'gelu')],
    qkvBias: read.flag('qkv_bias', true),
    poolerDim: read.optionalInteger('pooler_output_size', { most: 65_536 }) ?? hiddenSize,
    labels: architecture === 'ViTForImageClassification' ? readLabels(read) : null,
  };
  read.word('pooler_act', ['tanh'], 'tanh');
  read.ignore('id2label', 'encoder_stride', 'finetuning_task', ...unread);
  read.finish();
  const heads = `a multiple of num_attention_heads ${config.heads}`;
  read.require(hiddenSize % config.heads === 0, 'hidden_size', heads, hiddenSize);
  const patches = imageSize.every((pixels) => pixels % config.patchSize === 0);
  const sides = `multiples of patch_size ${config.patchSize}`;
  read.require(patches, 'image_size', sides, imageSize);
  return config;
}

/** One number for both sides, or height and width. */
export function readImageSize(read: ConfigReader): readonly [height: number, width: number] {
  const [key, most] = ['image_size', 65_536];
  if (!Array.isArray(read.given(key))) {
    const side = read.integer(key, { most, default: 224 });
    return [side, side];
  }
  const [height, width] = read.integers(key, { most, length: 2, default: [] });
  return [height, width];
}

/** transformers has two labels where a config names none. */
export function readLabels(read: ConfigReader): string[] {
  const labels = read.given('id2label');
  if (labels !== null) return Object.values(labels as object).map(String);
  const count = read.given('num_labels');
  const length = typeof count === 'number' ? count : 2;
  return Array.from({ length }, (_, i) => `LABEL_${i}`);
}
