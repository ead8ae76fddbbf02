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
  patchify,
  type Tensor,
  timestepEmbedding,
  unpatchify,
} from '@tubelet/graph';
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
    const { hiddenSize: D, epsilon } = config;
    const [patchT, patchH, patchW] = config.patchSize;
    const patch = { patchT, patchH, patchW };
    const segments = g.symbol('segments');
    const tokens = g.symbol('tokens');
    const geometry = g.input('geometry', [segments, 5], 'i32');
    const outputGeometry = g.input('outputGeometry', [segments, 5], 'i32');
    const latents = g.input('latents', [g.symbol('elements')]);

    const patches = patchify(latents, geometry, {
      channels: config.inChannels,
      ...patch,
      order: 'channel_first',
      tokens,
    }); // [T, inChannels·patch]
    const storedShape = [D, config.inChannels, ...config.patchSize];
    let x = linearLayer(w.at('patch_embedding'), patches, D, { storedShape }); // [T, D]

    const time = w.within('condition_embedder', (w) => embedTime(w, config)); // embedding [R, 2D], projection [R, 6D]
    const c: WanCondition = {
      timeProjection: time.projection,
      row: g.input('row', [tokens], 'i32'),
      cos: g.input('cos', [tokens, config.headDim / 2]),
      sin: g.input('sin', [tokens, config.headDim / 2]),
      selfSegments: g.input('selfSegments', [segments, 4], 'i32'),
      text: w.within('condition_embedder.text_embedder', (w) => embedText(w, config)), // [textTokens, D]
      crossSegments: g.input('crossSegments', [segments, 4], 'i32'),
      ...imageCondition(g, w, config),
    };
    for (let layer = 0; layer < config.layers; layer++) {
      x = w.within(`blocks.${layer}`, (w) => wanBlock(w, x, c, config));
    }

    const table = w.get('scale_shift_table', [2 * D], { storedShape: [1, 2, D] });
    const modulation = add(time.embedding, table); // [R, 2D]
    const h = adaln(x, modulation, c.row, { epsilon, shiftColumn: 0, scaleColumn: D });
    const width = config.outChannels * patchT * patchH * patchW;
    const y = linearLayer(w.at('proj_out'), h, width); // [T, patch·outChannels]
    const elements = g.symbol('outputElements');
    g.output(
      'prediction',
      unpatchify(y, outputGeometry, {
        channels: config.outChannels,
        ...patch,
        order: 'channel_last',
        elements,
      }),
    );
  });
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

function imageCondition(
  g: GraphBuilder,
  w: Weights,
  config: WanConfig,
): Pick<WanCondition, 'image'> {
  const { imageDim, hiddenSize: D } = config;
  if (imageDim === null) return {};
  const segments = g.input('imageSegments', [g.symbol('segments'), 4], 'i32');
  const image = g.input('image', [g.symbol('imageTokens'), imageDim]);
  const tokens = w.within('condition_embedder.image_embedder', (w) => {
    const placed =
      config.imagePositions === null
        ? image
        : add(image, imagePositions(w, imageDim, config.imagePositions));
    const n = norm(w.at('norm1'), placed, imageDim);
    const h = linearLayer(w.at('ff.net.0.proj'), n, imageDim, { activation: 'gelu_erf' });
    return norm(w.at('norm2'), linearLayer(w.at('ff.net.2'), h, D), D); // [imageTokens, D]
  });
  return { image: { tokens, segments } };
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
