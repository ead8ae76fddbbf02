import type { Activation } from '@tubelet/graph';
import {
  type ClipVisionConfig,
  clipImageTokens,
  parseClipVisionConfig,
} from '../clip-vision/config.js';
import { readConfig } from '../config-reader.js';
import { activations } from '../text-encoder/config.js';
import { type LlamaConfig, parseLlamaConfig } from '../text-encoder/llama-config.js';

/** Config of a Llava: a Llama that is shown images by a CLIP. */
export interface LlavaConfig {
  readonly text: LlamaConfig;
  readonly vision: ClipVisionConfig;
  /** The id that stands for one token of an image. */
  readonly imageToken: number;
  /** How many of the vision encoder's blocks are run. */
  readonly visionBlocks: number;
  /** Whether an image's class token is a token here. */
  readonly hasClassToken: boolean;
  readonly activation: Activation;
  readonly projectorBias: boolean;
}

/** Options of training and of the library, which an encoder does not read. */
const unread = [
  'dtype',
  'ignore_index',
  'image_seq_length',
  'initializer_range',
  'pad_token_id',
  'return_dict',
  'tie_word_embeddings',
  'torch_dtype',
  'transformers_version',
  'use_cache',
  'vocab_size',
];

/**
 * Reads the config.json of a LlavaForConditionalGeneration as transformers 5.23.0 writes it, of a Llama and a CLIP vision encoder;
 * absent options have its defaults. Several `vision_feature_layer`s are refused.
 *
 * @throws BAD_CONFIG naming the option
 */
export function parseLlavaConfig(json: unknown): LlavaConfig {
  const read = readConfig('llava', json);
  read.word('model_type', ['llava'], 'llava');
  const architectures = ['LlavaForConditionalGeneration', 'LlavaModel'] as const;
  read.words('architectures', architectures, ['LlavaForConditionalGeneration']);
  const text = parseLlamaConfig(read.given('text_config') ?? {});
  const vision = parseClipVisionConfig(read.given('vision_config') ?? defaultVision);
  const { layers } = vision;
  const layer = read.integer('vision_feature_layer', {
    least: -layers - 1,
    most: layers,
    default: -2,
  });
  const ids = { least: 0, most: text.vocabSize - 1 };
  // transformers 5 has a second name for it.
  const token = read.given('image_token_index') === null ? 'image_token_id' : 'image_token_index';
  const config: LlavaConfig = {
    text,
    vision,
    imageToken: read.integer(token, { ...ids, default: 32_000 }),
    visionBlocks: layer < 0 ? layers + 1 + layer : layer,
    hasClassToken:
      read.word('vision_feature_select_strategy', ['default', 'full'], 'default') === 'full',
    activation: activations[read.word('projector_hidden_act', Object.keys(activations), 'gelu')],
    projectorBias: read.flag('multimodal_projector_bias', true),
  };
  read.ignore('text_config', 'vision_config', 'image_token_index', 'image_token_id', ...unread);
  read.finish();
  return config;
}

/** transformers' default, ViT-L/14 at 336 pixels. */
const defaultVision = {
  intermediate_size: 4096,
  hidden_size: 1024,
  patch_size: 14,
  image_size: 336,
  num_hidden_layers: 24,
  num_attention_heads: 16,
  projection_dim: 768,
};

/** Tokens of one image. */
export function llavaImageTokens({ vision, hasClassToken }: LlavaConfig): number {
  return clipImageTokens(vision) - (hasClassToken ? 0 : 1);
}
