import { type Graph, gather, graph } from '@tubelet/graph';
import { clipImageHidden } from '../clip-vision/model.js';
import { embedWords, type LlamaOptions, llamaHidden } from '../text-encoder/llama-model.js';
import { linearLayer, weightsOf } from '../weights.js';
import type { LlavaConfig } from './config.js';

// transformers 5 names everything under `model.`; published checkpoints are older.

/**
 * The images of a Llava (Liu et al. 2023; transformers 5.23.0, LlavaForConditionalGeneration): a CLIP's tokens, projected to the
 * Llama's width. `packLlavaImages` makes the index tensors.
 *
 * Inputs: those of `clipVisionEncoder` but classIndex, and featureIndex i32 [imageTokens].
 * Output: features f32 [imageTokens, hiddenSize].
 */
export function llavaImages(config: LlavaConfig): Graph {
  return graph('llava.images', (g) => {
    const { vision, visionBlocks, activation, projectorBias: bias } = config;
    const { hiddenSize: D } = config.text;
    const tower = weightsOf(g, 'vision_tower.vision_model', [
      'model.vision_tower.vision_model',
      'model.vision_tower',
    ]);
    const hidden = clipImageHidden(tower, vision, visionBlocks); // [T, visionDim]
    const index = g.input('featureIndex', [g.symbol('imageTokens')], 'i32');
    const kept = gather(index, hidden); // [imageTokens, visionDim]
    const w = weightsOf(g, 'multi_modal_projector', ['model.multi_modal_projector']);
    const h = linearLayer(w.at('linear_1'), kept, D, { activation, bias }); // [imageTokens, D]
    g.output('features', linearLayer(w.at('linear_2'), h, D, { bias }));
  });
}

/**
 * Its Llama as an encoder of texts with images in them; `packLlavaTexts` makes the index tensors.
 *
 * Inputs: those of `llamaEncoder`; features f32 [imageTokens, hiddenSize]; source i32 [tokens].
 * Output: hidden f32 [tokens, hiddenSize].
 */
export function llavaEncoder(
  { text }: LlavaConfig,
  { blocks = text.layers }: LlamaOptions = {},
): Graph {
  return graph('llava', (g) => {
    const w = weightsOf(g, 'language_model.model', ['model.language_model']);
    const features = g.input('features', [g.symbol('imageTokens'), text.hiddenSize]);
    const source = g.input('source', [g.symbol('tokens')], 'i32');
    const x = gather(source, embedWords(w, text), features); // [T, D]
    g.output('hidden', llamaHidden(w, x, text, blocks));
  });
}
