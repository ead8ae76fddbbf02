import { add, concatColumns, type Tensor, timestepEmbedding } from '@tubelet/graph';
import { embedder } from '../embedder.js';
import { linearLayer, type Weights } from '../weights.js';
import type { PixartConfig } from './config.js';

/** Timestep, and with size conditions a third of the width each for height, width and aspect ratio: [R, D]. */
export function embedCondition(
  w: Weights,
  { hiddenSize: D, sizeConditions }: Pick<PixartConfig, 'hiddenSize' | 'sizeConditions'>,
): Tensor {
  const features = (input: string) =>
    timestepEmbedding(w.g.input(input, [w.g.symbol('rows')]), { dim: 256 }); // [R, 256]
  const embed = (part: string, input: string, width: number) =>
    embedder(w.at(part), features(input), width); // [R, width]
  const time = embed('timestep_embedder', 'timestep', D);
  if (!sizeConditions) return time;
  const size = concatColumns(
    embed('resolution_embedder', 'imageHeight', D / 3),
    embed('resolution_embedder', 'imageWidth', D / 3),
    embed('aspect_ratio_embedder', 'aspectRatio', D / 3),
  ); // [R, D]
  return add(time, size);
}

/** The text encoder's output at the model's width: [textTokens, D]. */
export function embedText(
  w: Weights,
  { hiddenSize: D, captionChannels }: Pick<PixartConfig, 'hiddenSize' | 'captionChannels'>,
): Tensor {
  const text = w.g.input('text', [w.g.symbol('textTokens'), captionChannels]);
  const h = linearLayer(w.at('linear_1'), text, D, { activation: 'gelu_tanh' });
  return linearLayer(w.at('linear_2'), h, D); // [textTokens, D]
}
