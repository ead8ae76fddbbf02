import {
  activation,
  add,
  attention,
  columns,
  type Graph,
  gather,
  graph,
  reshape,
  type Tensor,
  timestepEmbedding,
} from '@tubelet/graph';
import { embedder, segmentMean } from '../embedder.js';
import { continuousHead } from '../heads.js';
import { latentPatches, type Patch, predictLatents } from '../patches.js';
import { linearLayer, type Weights, weightsOf } from '../weights.js';
import { type MochiCondition, type MochiStreams, mochiBlock } from './block.js';
import { type MochiConfig, poolerHeads } from './config.js';

/**
 * Mochi 1 (Genmo 2024; diffusers 0.42.1, MochiTransformer3DModel) for clips of any sizes packed one after another;
 * `packMochi` makes the index tensors and, from the checkpoint's frequencies, the positions. Padding of the text is left out.
 *
 * Inputs: latents f32 [elements], geometry and outputGeometry i32 [segments, 5], text f32 [textTokens, textDim], timestep f32
 * [segments]; row i32 [tokens], textRow i32 [textTokens], jointIndex i32 [joint], poolIndex i32 [pool], imageSegments,
 * textSegments, textMeanSegments and poolSegments i32 [segments, 4], cos and sin f32 [tokens, hiddenSize / 2].
 * Output: prediction f32 [outputElements].
 */
export function mochiTransformer(config: MochiConfig): Graph {
  return graph('mochi', (g) => {
    const w = weightsOf(g);
    const { hiddenSize: D, patchSize: p, outChannels, layers, textDim } = config;
    const patch = { patchT: 1, patchH: p, patchW: p };
    const [tokens, textTokens, segments] = [
      g.symbol('tokens'),
      g.symbol('textTokens'),
      g.symbol('segments'),
    ];
    const table = (name: string) => g.input(name, [segments, 4], 'i32');
    const positions = (name: string) => g.input(name, [tokens, D / 2]);
    const text = g.input('text', [textTokens, textDim]);
    const embedded = w.within('time_embed', (w) => embedCondition(w, text, config)); // [S, D]
    const condition: MochiCondition = {
      c: activation(embedded, 'silu'), // [S, D]
      row: g.input('row', [tokens], 'i32'),
      textRow: g.input('textRow', [textTokens], 'i32'),
      joint: {
        index: g.input('jointIndex', [g.symbol('joint')], 'i32'),
        imageSegments: table('imageSegments'),
        textSegments: table('textSegments'),
      },
      cos: positions('cos'),
      sin: positions('sin'),
    };
    let streams: MochiStreams = {
      video: w.within('patch_embed', (w) => embedLatents(w, patch, config)), // [T, D]
      text: linearLayer(w.at('time_embed.caption_proj'), text, config.textHiddenSize), // [textTokens, textHiddenSize]
    };
    g.cut('embedded', streams.video);
    for (let layer = 0; layer < layers; layer++) {
      const before = streams as Required<MochiStreams>;
      streams = w.within(`transformer_blocks.${layer}`, (w) =>
        mochiBlock(w, before, condition, config, layer === layers - 1),
      );
      if (layer === 0) g.cut('first', streams.video);
    }
    g.cut('last', streams.video);
    const { c, row } = condition;
    const y = continuousHead(w, streams.video, c, row, p * p * outChannels); // [T, p²·outChannels]
    predictLatents(g, y, patch, 'channel_last');
  });
}

function embedLatents(w: Weights, patch: Patch, config: MochiConfig): Tensor {
  const { hiddenSize: D, inChannels } = config;
  const storedShape = [D, inChannels, patch.patchH, patch.patchW];
  return linearLayer(w.at('proj'), latentPatches(w.g, inChannels, patch), D, { storedShape });
}

/** Timestep and pooled text: [S, D]. */
function embedCondition(w: Weights, text: Tensor, config: MochiConfig): Tensor {
  const { g } = w;
  const segments = g.symbol('segments');
  const timestep = g.input('timestep', [segments]);
  const features = timestepEmbedding(timestep, { dim: config.timeDim }); // [S, timeDim]
  const time = embedder(w.at('timestep_embedder'), features, config.hiddenSize); // [S, D]
  const queries = reshape(timestep, [segments, 1]);
  const pooled = w.within('pooler', (w) => poolText(w, text, queries, config)); // [S, D]
  return add(time, pooled);
}

/** MochiAttentionPool: the text's mean, 0 of no text, attends itself and the text. [S, D] */
function poolText(w: Weights, text: Tensor, queries: Tensor, config: MochiConfig): Tensor {
  const { g } = w;
  const { hiddenSize: D, textDim } = config;
  const table = (name: string) => g.input(name, [g.symbol('segments'), 4], 'i32');
  const mean = segmentMean(text, table('textMeanSegments'), queries); // [S, textDim]
  const together = gather(g.input('poolIndex', [g.symbol('pool')], 'i32'), mean, text); // [pool, textDim]
  const kv = linearLayer(w.at('to_kv'), together, 2 * textDim); // [pool, 2·textDim]
  const [k, v] = [columns(kv, 0, textDim), columns(kv, textDim, textDim)];
  const q = linearLayer(w.at('to_q'), mean, textDim); // [S, textDim]
  const scale = 1 / Math.sqrt(textDim / poolerHeads);
  const a = attention(q, k, v, table('poolSegments'), { heads: poolerHeads, scale }); // [S, textDim]
  return linearLayer(w.at('to_out'), a, D); // [S, D]
}
