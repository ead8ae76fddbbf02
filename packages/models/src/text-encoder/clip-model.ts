import { add, embedding, type Graph, gather, graph, type Tensor } from '@tubelet/graph';
import { clipBlock, clipNorm } from '../clip-block.js';
import { linearLayer, weightsOf } from '../weights.js';
import type { ClipTextConfig } from './clip-config.js';

/** What {@link clipTextEncoder} gives besides. */
export interface ClipTextOptions {
  /** Also gives `hidden0`, `hidden1`, …, all or those of a list: the embeddings and each block's output, before the final norm. */
  readonly hiddenStates?: boolean | readonly number[];
  /** Those after the final norm instead. @defaultValue false */
  readonly normed?: boolean;
}

/**
 * A CLIP text encoder (transformers 5.23.0, CLIPTextModel and CLIPTextModelWithProjection) for texts packed one after
 * another; `packClipTexts` makes the index tensors. Checkpoints may have the prefix `text_model.` or not.
 *
 * Inputs: ids i32 [tokens], position i32 [tokens], segments i32 [segments, 4] whose key ranges leave out padding,
 * endIndex i32 [segments], each text's end token.
 * Outputs: hidden f32 [tokens, hiddenSize] after the final norm, pooled f32 [segments, hiddenSize], its row at the end token,
 * and with a projection textEmbeds f32 [segments, projectionDim].
 */
export function clipTextEncoder(config: ClipTextConfig, options: ClipTextOptions = {}): Graph {
  return graph('clip', (g) => {
    const w = weightsOf(g, 'text_model', ['']);
    const { hiddenSize: D } = config;
    const tokens = g.symbol('tokens');
    const segments = g.symbol('segments');
    const words = w.get('embeddings.token_embedding.weight', [config.vocabSize, D]);
    const places = w.get('embeddings.position_embedding.weight', [config.maxLength, D]);
    const spans = g.input('segments', [segments, 4], 'i32');
    let x = add(
      embedding(g.input('ids', [tokens], 'i32'), words),
      embedding(g.input('position', [tokens], 'i32'), places),
    ); // [T, D]
    const { hiddenStates = false, normed = false } = options;
    const lastNorm = (x: Tensor) => clipNorm(w.at('final_layer_norm'), x, config);
    const keep = (layer: number, x: Tensor) => {
      const isKept =
        typeof hiddenStates === 'boolean' ? hiddenStates : hiddenStates.includes(layer);
      if (isKept) g.output(`hidden${layer}`, normed ? lastNorm(x) : x);
    };
    for (let layer = 0; layer < config.layers; layer++) {
      keep(layer, x);
      x = w.within(`encoder.layers.${layer}`, (w) =>
        clipBlock(w, x, spans, config, { causal: true }),
      );
    }
    keep(config.layers, x);
    const hidden = lastNorm(x);
    const pooled = gather(g.input('endIndex', [segments], 'i32'), hidden); // [S, D]
    g.output('hidden', hidden);
    g.output('pooled', pooled);
    if (config.projectionDim === null) return;
    const projection = weightsOf(g).at('text_projection');
    g.output('textEmbeds', linearLayer(projection, pooled, config.projectionDim, { bias: false }));
  });
}
