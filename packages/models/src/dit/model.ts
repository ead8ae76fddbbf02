import {
  activation,
  adaln,
  add,
  embedding,
  type Graph,
  graph,
  patchify,
  type Tensor,
  timestepEmbedding,
  unpatchify,
} from '@tubelet/graph';
import { linearLayer, type Weights, weightsOf } from '../weights.js';
import { ditBlock, epsilon } from './block.js';
import type { DitConfig } from './config.js';

/**
 * DiT (facebookresearch/DiT@ed81ce2, models.py) for images packed one after another, each of inputSize².
 *
 * Inputs: latents f32 [elements], geometry and outputGeometry i32 [segments, 5], position i32 [tokens] (each token's place in its
 * image), timestep f32 [rows], label i32 [rows], row i32 [tokens], segments i32 [segments, 4].
 * Output: prediction f32 [outputElements], [outChannels, H, W] per image.
 */
export function dit(config: DitConfig): Graph {
  return graph('dit', (g) => {
    const w = weightsOf(g);
    const { hiddenSize: D, inChannels, patchSize: p } = config;
    const tokens = g.symbol('tokens');
    const segments = g.symbol('segments');
    const latents = g.input('latents', [g.symbol('elements')]);
    const geometry = g.input('geometry', [segments, 5], 'i32');
    const patch = { patchT: 1, patchH: p, patchW: p };

    const patches = patchify(latents, geometry, {
      channels: inChannels,
      ...patch,
      order: 'channel_first',
      tokens,
    }); // [T, C·p²]
    let x = linearLayer(w.at('x_embedder.proj'), patches, D, {
      storedShape: [D, inChannels, p, p],
      residual: positions(w, tokens, config),
    }); // [T, D]
    const c = activation(add(embedTimestep(w, D), embedLabel(w, config)), 'silu'); // [R, D]
    const row = g.input('row', [tokens], 'i32');
    const condition = { c, row, segments: g.input('segments', [segments, 4], 'i32') };
    for (let i = 0; i < config.depth; i++) {
      x = w.within(`blocks.${i}`, (w) => ditBlock(w, x, condition, config));
    }

    const modulation = linearLayer(w.at('final_layer.adaLN_modulation.1'), c, 2 * D); // [R, 2D]
    const h = adaln(x, modulation, row, { epsilon, shiftColumn: 0, scaleColumn: D });
    const channels = config.learnSigma ? 2 * inChannels : inChannels;
    const y = linearLayer(w.at('final_layer.linear'), h, p * p * channels); // [T, p²·channels]
    const outputGeometry = g.input('outputGeometry', [segments, 5], 'i32');
    g.output(
      'prediction',
      unpatchify(y, outputGeometry, {
        channels,
        ...patch,
        order: 'channel_last',
        elements: g.symbol('outputElements'),
      }),
    );
  });
}

function positions(
  w: Weights,
  tokens: Tensor['shape'][number],
  { inputSize, patchSize, hiddenSize }: DitConfig,
): Tensor {
  const count = (inputSize / patchSize) ** 2;
  const table = w.get('pos_embed', [count, hiddenSize], { storedShape: [1, count, hiddenSize] });
  return embedding(w.g.input('position', [tokens], 'i32'), table); // [T, D]
}

function embedTimestep(w: Weights, D: number): Tensor {
  const features = timestepEmbedding(w.g.input('timestep', [w.g.symbol('rows')]), { dim: 256 }); // [R, 256]
  const h = linearLayer(w.at('t_embedder.mlp.0'), features, D, { activation: 'silu' });
  return linearLayer(w.at('t_embedder.mlp.2'), h, D); // [R, D]
}

function embedLabel(w: Weights, config: DitConfig): Tensor {
  const rows = config.classes + (config.nullClass ? 1 : 0);
  const table = w.get('y_embedder.embedding_table.weight', [rows, config.hiddenSize]);
  return embedding(w.g.input('label', [w.g.symbol('rows')], 'i32'), table); // [R, D]
}
