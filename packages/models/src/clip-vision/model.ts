import { add, embedding, type Graph, gather, graph, patchify, type Tensor } from '@tubelet/graph';
import { clipBlock, clipNorm } from '../clip-block.js';
import { linearLayer, type Weights, weightsOf } from '../weights.js';
import { type ClipVisionConfig, clipImageTokens } from './config.js';

export interface ClipVisionOptions {
  /** Also gives `hidden0`, `hidden1`, …, those of a list: transformers' hidden_states of that index. */
  readonly hiddenStates?: readonly number[];
  /** How many blocks are run: with fewer than all there is `hidden` alone. Default all. */
  readonly blocks?: number;
}

/**
 * A CLIP vision encoder (Radford et al. 2021; transformers 5.23.0, CLIPVisionModel and CLIPVisionModelWithProjection) for some
 * images one after another; `packClipImages` makes the index tensors. Checkpoints may have the prefix `vision_model.` or not.
 *
 * Inputs: pixels f32 [elements], [channels, imageSize, imageSize] per image; geometry i32 [segments, 5]; tokenIndex and position
 * i32 [tokens]; segments i32 [segments, 4]; with all blocks classIndex i32 [segments].
 * Outputs: hidden f32 [tokens, hiddenSize] of the last block, class token first, without a norm; pooled f32 [segments,
 * hiddenSize], the normed class token; with a projection imageEmbeds f32 [segments, projectionDim].
 */
export function clipVisionEncoder(
  config: ClipVisionConfig,
  { hiddenStates = [], blocks = config.layers }: ClipVisionOptions = {},
): Graph {
  return graph('clip-vision', (g) => {
    const w = weightsOf(g, 'vision_model', ['']);
    const keep = (index: number, x: Tensor) => {
      if (hiddenStates.includes(index)) g.output(`hidden${index}`, x);
    };
    const hidden = clipImageHidden(w, config, blocks, keep); // [T, D]
    g.output('hidden', hidden);
    if (blocks < config.layers) return;
    const first = gather(g.input('classIndex', [g.symbol('segments')], 'i32'), hidden); // [S, D]
    const pooled = clipNorm(w.at('post_layernorm'), first, config);
    g.output('pooled', pooled);
    if (config.projectionDim === null) return;
    const projection = weightsOf(g).at('visual_projection');
    g.output('imageEmbeds', linearLayer(projection, pooled, config.projectionDim, { bias: false }));
  });
}

/**
 * The tokens of images behind the first `blocks` blocks, in a graph that may go on with them.
 *
 * @param keep is shown the input of every block and the output of the last
 * @returns [T, D]
 */
export function clipImageHidden(
  w: Weights,
  config: ClipVisionConfig,
  blocks: number,
  keep: (index: number, x: Tensor) => void = () => {},
): Tensor {
  const { g } = w;
  const segments = g.input('segments', [g.symbol('segments'), 4], 'i32');
  const embedded = w.within('embeddings', (w) => embed(w, config)); // [T, D]
  // The name is the original's.
  let x = clipNorm(w.at('pre_layrnorm'), embedded, config);
  for (let layer = 0; layer < blocks; layer++) {
    keep(layer, x);
    x = w.within(`encoder.layers.${layer}`, (w) =>
      clipBlock(w, x, segments, config, { causal: false }),
    );
  }
  keep(blocks, x);
  return x;
}

function embed(w: Weights, config: ClipVisionConfig): Tensor {
  const { g } = w;
  const { hiddenSize: D, channels, patchSize: p } = config;
  const patches = patchify(
    g.input('pixels', [g.symbol('elements')]),
    g.input('geometry', [g.symbol('segments'), 5], 'i32'),
    {
      channels,
      patchT: 1,
      patchH: p,
      patchW: p,
      order: 'channel_first',
      tokens: g.symbol('patches'),
    },
  ); // [patches, C·p²]
  const storedShape = [D, channels, p, p];
  const x = linearLayer(w.at('patch_embedding'), patches, D, { storedShape, bias: false }); // [patches, D]
  const token = w.get('class_embedding', [1, D], { storedShape: [D] });
  const table = w.get('position_embedding.weight', [clipImageTokens(config), D]);
  const tokens = g.symbol('tokens');
  const together = gather(g.input('tokenIndex', [tokens], 'i32'), x, token); // [T, D]
  return add(together, embedding(g.input('position', [tokens], 'i32'), table));
}
