import {
  activation,
  adaln,
  add,
  embedding,
  type Graph,
  type GraphBuilder,
  gather,
  graph,
  type Tensor,
  timestepEmbedding,
} from '@tubelet/graph';
import { predictLatents } from '../patches.js';
import { linearLayer, type Weights, weightsOf } from '../weights.js';
import { affineNorm, type DitCondition, ditBlock } from './block.js';
import { type DitConfig, epsilon } from './config.js';
import { diffusersDit } from './diffusers-model.js';
import { embedPatches, rowInput } from './embed.js';

/**
 * DiT (facebookresearch/DiT@ed81ce2, models.py; the designs it did not release from the paper) for images packed one after
 * another, each of inputSize²; `packDit` makes the index tensors.
 *
 * Inputs: latents f32 [elements], geometry and outputGeometry i32 [segments, 5], timestep f32 [rows], label i32 [rows],
 * segments i32 [segments, 4], and position i32 [tokens] (each token's place in its image), in diffusers' layout positions
 * f32 [tokens, hiddenSize] instead. By conditioning also, adaLN: row i32 [tokens]; cross-attention: contextIndex i32
 * [contextTokens] and crossSegments i32 [segments, 4]; in-context: sequenceIndex i32 [sequence] and imageIndex i32 [tokens].
 * Output: prediction f32 [outputElements], [outChannels, H, W] per image.
 */
export function dit(config: DitConfig): Graph {
  return graph('dit', (g) => {
    const w = weightsOf(g);
    const y = config.layout === 'diffusers' ? diffusersDit(w, config) : originalDit(w, config);
    const patch = { patchT: 1, patchH: config.patchSize, patchW: config.patchSize };
    predictLatents(g, y, patch, 'channel_last');
  });
}

/** @returns [T, p²·outChannels] */
function originalDit(w: Weights, config: DitConfig): Tensor {
  const { g } = w;
  const isModulated = config.conditioning.startsWith('adaln');
  let x = embedPatches(w.at('x_embedder.proj'), positions(w, config), config); // [T, D]
  const [t, y] = [embedTimestep(w, config), embedLabel(w, config)]; // [R, D]
  const segments = g.input('segments', [g.symbol('segments'), 4], 'i32');
  const modulated = isModulated
    ? { c: activation(add(t, y), 'silu'), row: rowInput(g) }
    : undefined;
  const condition: DitCondition = {
    segments,
    ...(modulated ? { modulated } : {}),
    ...(config.conditioning === 'cross-attention' ? { context: contextOf(g, t, y) } : {}),
  };
  const inContext = config.conditioning === 'in-context';
  g.cut('embedded', x);
  if (inContext) x = gather(g.input('sequenceIndex', [g.symbol('sequence')], 'i32'), x, t, y); // [T + 2S, D]
  const imageIndex = inContext ? g.input('imageIndex', [g.symbol('tokens')], 'i32') : undefined;
  for (let i = 0; i < config.depth; i++) {
    x = w.within(`blocks.${i}`, (w) => ditBlock(w, x, condition, config));
    if (i === 0) g.cut('first', x, imageIndex);
  }
  if (imageIndex) x = gather(imageIndex, x); // [T, D]
  g.cut('last', x);
  return finalLayer(w.at('final_layer'), x, modulated, config);
}

function finalLayer(
  w: Weights,
  x: Tensor,
  modulated: DitCondition['modulated'],
  { hiddenSize: D, patchSize: p, outChannels }: DitConfig,
): Tensor {
  const norm = () => {
    if (!modulated) return affineNorm(w.at('norm_final'), x);
    const modulation = linearLayer(w.at('adaLN_modulation.1'), modulated.c, 2 * D); // [R, 2D]
    return adaln(x, modulation, modulated.row, { epsilon, shiftColumn: 0, scaleColumn: D });
  };
  return linearLayer(w.at('linear'), norm(), p * p * outChannels); // [T, p²·outChannels]
}

/** Two tokens an image, its timestep and its label. */
function contextOf(g: GraphBuilder, t: Tensor, y: Tensor): DitCondition['context'] {
  const index = g.input('contextIndex', [g.symbol('contextTokens')], 'i32');
  const segments = g.input('crossSegments', [g.symbol('segments'), 4], 'i32');
  return { tokens: gather(index, t, y), segments };
}

function positions(w: Weights, { inputSize, patchSize, hiddenSize }: DitConfig): Tensor {
  const count = (inputSize / patchSize) ** 2;
  const table = w.get('pos_embed', [count, hiddenSize], { storedShape: [1, count, hiddenSize] });
  return embedding(w.g.input('position', [w.g.symbol('tokens')], 'i32'), table); // [T, D]
}

function embedTimestep(w: Weights, { hiddenSize: D }: DitConfig): Tensor {
  const features = timestepEmbedding(w.g.input('timestep', [w.g.symbol('rows')]), { dim: 256 }); // [R, 256]
  const h = linearLayer(w.at('t_embedder.mlp.0'), features, D, { activation: 'silu' });
  return linearLayer(w.at('t_embedder.mlp.2'), h, D); // [R, D]
}

function embedLabel(w: Weights, config: DitConfig): Tensor {
  const rows = config.classes + (config.nullClass ? 1 : 0);
  const table = w.get('y_embedder.embedding_table.weight', [rows, config.hiddenSize]);
  return embedding(w.g.input('label', [w.g.symbol('rows')], 'i32'), table); // [R, D]
}
