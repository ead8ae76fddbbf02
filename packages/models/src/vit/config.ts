import type { Activation } from '@tubelet/graph';
import { readConfig } from '../config-reader.js';
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
const unread = [
  'attention_probs_dropout_prob',
  'dtype',
  'encoder_stride',
  'finetuning_task',
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
  const side = { most: 65_536 };
  const isSquare = typeof (json as Record<string, unknown>).image_size !== 'object';
  const size = isSquare ? read.integer('image_size', { ...side, default: 224 }) : 0;
  const [height, width] = isSquare
    ? [size, size]
    : read.integers('image_size', { ...side, length: 2, default: [] });
  const config: VitConfig = {
    imageSize: [height, width],
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
    labels: architecture === 'ViTForImageClassification' ? labelsOf(json) : null,
  };
  read.word('pooler_act', ['tanh'], 'tanh');
  read.ignore('id2label', ...unread);
  read.finish();
  const heads = `a multiple of num_attention_heads ${config.heads}`;
  read.require(hiddenSize % config.heads === 0, 'hidden_size', heads, hiddenSize);
  const patches = [height, width].every((pixels) => pixels % config.patchSize === 0);
  const sides = `multiples of patch_size ${config.patchSize}`;
  read.require(patches, 'image_size', sides, [height, width]);
  return config;
}

/** transformers has two labels where a config names none. */
function labelsOf(json: unknown): string[] {
  const { id2label, num_labels } = json as Record<string, unknown>;
  if (id2label !== undefined && id2label !== null) return Object.values(id2label).map(String);
  const count = typeof num_labels === 'number' ? num_labels : 2;
  return Array.from({ length: count }, (_, i) => `LABEL_${i}`);
}
