import {
  activation,
  add,
  embedding,
  type Graph,
  graph,
  type Tensor,
  timestepEmbedding,
} from '@tubelet/graph';
import { embedder } from '../embedder.js';
import { continuousHead } from '../heads.js';
import { latentPatches, type Patch, predictLatents } from '../patches.js';
import { linearLayer, type Weights, weightsOf } from '../weights.js';
import { type Sd3Condition, type Streams, sd3Block } from './block.js';
import type { Sd3Config } from './config.js';

/**
 * Stable Diffusion 3 (Esser et al. 2024; diffusers 0.42.1, SD3Transformer2DModel) for images of any sizes packed one after
 * another; `packSd3` makes the index tensors.
 *
 * Inputs: latents f32 [elements], geometry and outputGeometry i32 [segments, 5], position i32 [tokens], timestep f32 [rows],
 * pooled f32 [rows, pooledDim], row i32 [tokens], text f32 [textTokens, textDim], textRow i32 [textTokens], jointIndex i32
 * [joint], imageSegments and textSegments i32 [segments, 4], and with dual attention imageOnlySegments i32 [segments, 4].
 * Output: prediction f32 [outputElements].
 */
export function sd3Transformer(config: Sd3Config): Graph {
  return graph('sd3', (g) => {
    const w = weightsOf(g);
    const { hiddenSize: D, patchSize: p, outChannels, layers, dualAttention } = config;
    const patch = { patchT: 1, patchH: p, patchW: p };
    const segments = g.symbol('segments');
    const tokens = g.symbol('tokens');
    const textTokens = g.symbol('textTokens');
    const text = g.input('text', [textTokens, config.textDim]);
    let streams: Streams = {
      image: w.within('pos_embed', (w) => embedImage(w, patch, config)), // [T, D]
      text: linearLayer(w.at('context_embedder'), text, D), // [textTokens, D]
    };
    const c = activation(
      w.within('time_text_embed', (w) => embedCondition(w, config)),
      'silu',
    ); // [R, D]
    const condition: Sd3Condition = {
      c,
      row: g.input('row', [tokens], 'i32'),
      textRow: g.input('textRow', [textTokens], 'i32'),
      joint: {
        index: g.input('jointIndex', [g.symbol('joint')], 'i32'),
        imageSegments: g.input('imageSegments', [segments, 4], 'i32'),
        // A single block is the last one, whose text asks nothing.
        textSegments: g.input('textSegments', [segments, 4], 'i32'),
      },
      ...(dualAttention.length > 0
        ? { imageOnly: g.input('imageOnlySegments', [segments, 4], 'i32') }
        : {}),
    };
    g.cut('embedded', streams.image);
    for (let layer = 0; layer < layers; layer++) {
      const kind = { isDual: dualAttention.includes(layer), isLast: layer === layers - 1 };
      const before = streams as Required<Streams>;
      streams = w.within(`transformer_blocks.${layer}`, (w) =>
        sd3Block(w, before, condition, config, kind),
      );
      if (layer === 0) g.cut('first', streams.image);
    }
    g.cut('last', streams.image);
    const y = continuousHead(w, streams.image, c, condition.row, p * p * outChannels); // [T, p²·outChannels]
    predictLatents(g, y, patch, 'channel_last');
  });
}

function embedImage(w: Weights, patch: Patch, config: Sd3Config): Tensor {
  const { hiddenSize: D, inChannels, positionsSize } = config;
  const count = positionsSize ** 2;
  const patches = latentPatches(w.g, inChannels, patch); // [T, C·p²]
  const table = w.get('pos_embed', [count, D], { storedShape: [1, count, D] });
  const residual = embedding(w.g.input('position', [w.g.symbol('tokens')], 'i32'), table); // [T, D]
  const storedShape = [D, inChannels, patch.patchH, patch.patchW];
  return linearLayer(w.at('proj'), patches, D, { storedShape, residual });
}

/** Timestep and pooled text. */
function embedCondition(w: Weights, { hiddenSize: D, pooledDim }: Sd3Config): Tensor {
  const rows = w.g.symbol('rows');
  const features = timestepEmbedding(w.g.input('timestep', [rows]), { dim: 256 }); // [R, 256]
  const pooled = w.g.input('pooled', [rows, pooledDim]);
  const time = embedder(w.at('timestep_embedder'), features, D); // [R, D]
  return add(time, embedder(w.at('text_embedder'), pooled, D));
}
