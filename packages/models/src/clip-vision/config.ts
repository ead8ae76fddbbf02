import type { ClipBlockConfig } from '../clip-block.js';
import { readConfig } from '../config-reader.js';
import { activations } from '../text-encoder/config.js';

/** Config of a CLIP vision encoder. */
export interface ClipVisionConfig extends ClipBlockConfig {
  /** Pixels along each side of an image; it takes no others. */
  readonly imageSize: number;
  readonly patchSize: number;
  readonly channels: number;
  readonly layers: number;
  /** Width of the projected image embedding, null without one. */
  readonly projectionDim: number | null;
}

/** Options of training, of texts and of the library, which an encoder does not read. */
const unread = [
  'attention_dropout',
  'attn_implementation',
  'dropout',
  'dtype',
  'gradient_checkpointing',
  'initializer_factor',
  'initializer_range',
  'output_attentions',
  'output_hidden_states',
  'return_dict',
  'torch_dtype',
  'transformers_version',
  'use_cache',
  'vocab_size',
];

/**
 * Reads the config.json of a CLIPVisionModel or CLIPVisionModelWithProjection as transformers 5.23.0 writes it; absent options
 * have its defaults.
 *
 * @throws BAD_CONFIG naming the option
 */
export function parseClipVisionConfig(json: unknown): ClipVisionConfig {
  const read = readConfig('clip-vision', json);
  read.word('model_type', ['clip_vision_model'], 'clip_vision_model');
  const architectures = ['CLIPVisionModel', 'CLIPVisionModelWithProjection'] as const;
  const [architecture] = read.words('architectures', architectures, ['CLIPVisionModel']);
  const projectionDim = read.integer('projection_dim', { most: 65_536, default: 512 });
  const names = Object.keys(activations);
  const config: ClipVisionConfig = {
    imageSize: read.integer('image_size', { most: 65_536, default: 224 }),
    patchSize: read.integer('patch_size', { most: 1024, default: 32 }),
    channels: read.integer('num_channels', { most: 4096, default: 3 }),
    hiddenSize: read.integer('hidden_size', { most: 65_536, default: 768 }),
    heads: read.integer('num_attention_heads', { most: 1024, default: 12 }),
    ffnDim: read.integer('intermediate_size', { most: 1_048_576, default: 3072 }),
    layers: read.integer('num_hidden_layers', { most: 1024, default: 12 }),
    epsilon: read.epsilon('layer_norm_eps', 1e-5),
    activation: activations[read.word('hidden_act', names, 'quick_gelu')],
    projectionDim: architecture === 'CLIPVisionModelWithProjection' ? projectionDim : null,
  };
  read.ignore(...unread);
  read.finish();
  const { hiddenSize, heads, imageSize, patchSize } = config;
  const multiple = `a multiple of num_attention_heads ${heads}`;
  read.require(hiddenSize % heads === 0, 'hidden_size', multiple, hiddenSize);
  const patches = `a multiple of patch_size ${patchSize}`;
  read.require(imageSize % patchSize === 0, 'image_size', patches, imageSize);
  return config;
}

/** Tokens of an image: its class token and its patches. */
export function clipImageTokens({ imageSize, patchSize }: ClipVisionConfig): number {
  return 1 + (imageSize / patchSize) ** 2;
}
