import {
  activation,
  adaln,
  add,
  columns,
  embedding,
  type Graph,
  type GraphBuilder,
  graph,
  layerNorm,
  type Tensor,
  timestepEmbedding,
} from '@tubelet/graph';
import { latentPatches, type Patch, predictLatents } from '../patches.js';
import { fusedLinear, linearLayer, type Weights, weightsOf } from '../weights.js';
import { type WanCondition, wanBlock } from './block.js';
import type { WanConfig } from './config.js';

/**
 * The Wan transformer (diffusers 0.42.1, WanTransformer3DModel) for clips packed one after another; `packWan` makes
 * the index tensors.
 *
 * Inputs: latents f32 [elements], geometry i32 [segments, 5], outputGeometry i32 [segments, 5], timestep f32 [rows],
 * row i32 [tokens], cos and sin f32 [tokens, headDim / 2], selfSegments and crossSegments i32 [segments, 4],
 * text f32 [textTokens, textDim]; with image tokens also image f32 [imageTokens, imageDim], imageSegments i32 [segments, 4]
 * and, where they have positions, imagePosition i32 [imageTokens].
 * Output: prediction f32 [outputElements].
 */
export function wanTransformer(config: WanConfig): Graph {
  return graph('wan', (g) => {
    const w = weightsOf(g);
    const x = embedPatches(w, config); // [T, D]
    const { time, text, image } = embedConditions(w, config);
    const c = wanCondition(g, config, time.projection, text, image);
    const y = wanBlocks(w, x, c, config); // [T, D]
    const patches = head(w, y, time.embedding, c.row, config); // [T, patch·outChannels]
    predictLatents(g, patches, patchOf(config), 'channel_last');
  });
}

function embedPatches(w: Weights, config: WanConfig): Tensor {
  const patches = latentPatches(w.g, config.inChannels, patchOf(config)); // [T, inChannels·patch]
  const storedShape = [config.hiddenSize, config.inChannels, ...config.patchSize];
  return linearLayer(w.at('patch_embedding'), patches, config.hiddenSize, { storedShape }); // [T, D]
}

function embedConditions(w: Weights, config: WanConfig) {
  return w.within('condition_embedder', (w) => ({
    time: embedTime(w, config), // embedding [R, 2D], projection [R, 6D]
    text: w.within('text_embedder', (w) => embedText(w, config)), // [textTokens, D]
    image: w.within('image_embedder', (w) => embedImage(w, config)), // [imageTokens, D]
  }));
}

function wanCondition(
  g: GraphBuilder,
  { headDim }: WanConfig,
  timeProjection: Tensor,
  text: Tensor,
  image: Tensor | undefined,
): WanCondition {
  const tokens = g.symbol('tokens');
  const table = (name: string) => g.input(name, [g.symbol('segments'), 4], 'i32');
  return {
    timeProjection,
    row: g.input('row', [tokens], 'i32'),
    cos: g.input('cos', [tokens, headDim / 2]),
    sin: g.input('sin', [tokens, headDim / 2]),
    selfSegments: table('selfSegments'),
    text,
    crossSegments: table('crossSegments'),
    ...(image && { image: { tokens: image, segments: table('imageSegments') } }),
  };
}

function wanBlocks(w: Weights, x: Tensor, c: WanCondition, config: WanConfig): Tensor {
  const { g } = w;
  let y = x;
  g.cut('embedded', y);
  for (let layer = 0; layer < config.layers; layer++) {
    y = w.within(`blocks.${layer}`, (w) => wanBlock(w, y, c, config)); // [T, D]
    if (layer === 0) g.cut('first', y);
  }
  g.cut('last', y);
  return y;
}

/** @returns [T, patch·outChannels] */
function head(
  w: Weights,
  x: Tensor,
  timeEmbedding: Tensor,
  row: Tensor,
  config: WanConfig,
): Tensor {
  const { hiddenSize: D, epsilon, outChannels, patchSize } = config;
  const table = w.get('scale_shift_table', [2 * D], { storedShape: [1, 2, D] });
  const modulation = add(timeEmbedding, table); // [R, 2D]
  const h = adaln(x, modulation, row, { epsilon, shiftColumn: 0, scaleColumn: D });
  const n = patchSize.reduce((size, side) => size * side, outChannels);
  return linearLayer(w.at('proj_out'), h, n);
}

function patchOf({ patchSize: [patchT, patchH, patchW] }: WanConfig): Patch {
  return { patchT, patchH, patchW };
}

/**
 * The head adds the time embedding to a shift and to a scale, so it is made twice, side by side: the last layer's
 * weight is bound two times.
 */
function embedTime(w: Weights, config: WanConfig) {
  const { hiddenSize: D } = config;
  const timestep = w.g.input('timestep', [w.g.symbol('rows')]);
  const features = timestepEmbedding(timestep, { dim: config.freqDim }); // [R, freqDim]
  const h = linearLayer(w.at('time_embedder.linear_1'), features, D, { activation: 'silu' }); // [R, D]
  const embedding = fusedLinear(w.at('time_embedder'), h, ['linear_2', 'linear_2'], D); // [R, 2D]
  const projection = linearLayer(
    w.at('time_proj'),
    activation(columns(embedding, 0, D), 'silu'),
    6 * D,
  ); // [R, 6D]
  return { embedding, projection };
}

function embedText(w: Weights, config: WanConfig): Tensor {
  const text = w.g.input('text', [w.g.symbol('textTokens'), config.textDim]);
  const h = linearLayer(w.at('linear_1'), text, config.hiddenSize, { activation: 'gelu_tanh' }); // [textTokens, D]
  return linearLayer(w.at('linear_2'), h, config.hiddenSize); // [textTokens, D]
}

function embedImage(w: Weights, config: WanConfig): Tensor | undefined {
  const { imageDim, hiddenSize: D } = config;
  if (imageDim === null) return undefined;
  const image = w.g.input('image', [w.g.symbol('imageTokens'), imageDim]);
  const placed =
    config.imagePositions === null
      ? image
      : add(image, imagePositions(w, imageDim, config.imagePositions));
  const n = norm(w.at('norm1'), placed, imageDim);
  const h = linearLayer(w.at('ff.net.0.proj'), n, imageDim, { activation: 'gelu_erf' });
  return norm(w.at('norm2'), linearLayer(w.at('ff.net.2'), h, D), D); // [imageTokens, D]
}

function imagePositions(w: Weights, imageDim: number, count: number): Tensor {
  const position = w.g.input('imagePosition', [w.g.symbol('imageTokens')], 'i32');
  return embedding(
    position,
    w.get('pos_embed', [count, imageDim], { storedShape: [1, count, imageDim] }),
  );
}

/** The image embedder's norms have an epsilon of their own. */
function norm(w: Weights, x: Tensor, size: number): Tensor {
  return layerNorm(x, {
    weight: w.get('weight', [size]),
    bias: w.get('bias', [size]),
    epsilon: 1e-5,
  });
}
