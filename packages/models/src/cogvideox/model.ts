import {
  activation,
  add,
  embedding,
  type Graph,
  gather,
  graph,
  layerNorm,
  type Tensor,
  timestepEmbedding,
} from '@tubelet/graph';
import { embedder } from '../embedder.js';
import { latentPatches, predictLatents } from '../patches.js';
import { linearLayer, type Weights, weightsOf } from '../weights.js';
import { type CogvideoxCondition, cogvideoxBlock, normed } from './block.js';
import type { CogvideoxConfig } from './config.js';

/**
 * CogVideoX (Yang et al. 2024; diffusers 0.42.1, CogVideoXTransformer3DModel), 1.0 and 1.5, for clips of any sizes packed one after
 * another; `packCogvideox` makes the index tensors. Latents of a clip are [C, F, H, W]; an image it is conditioned by comes as
 * further channels.
 *
 * Inputs: latents f32 [elements], geometry and outputGeometry i32 [segments, 5], text f32 [textTokens, textDim], timestep f32
 * [rows], with an ofs embedding ofs f32 [rows]; jointIndex and row i32 [joint], streams i32 [streamRows], imageIndex i32 [tokens],
 * imageRow i32 [tokens], segments i32 [segments, 4]; with rotary positions cos and sin f32 [joint, headDim / 2], with computed
 * ones positions f32 [tokens, hiddenSize], with learned ones position i32 [joint].
 * Output: prediction f32 [outputElements].
 */
export function cogvideoxTransformer(config: CogvideoxConfig): Graph {
  return graph('cogvideox', (g) => {
    const w = weightsOf(g);
    const { hiddenSize: D, outChannels, layers } = config;
    const [tokens, joint, segments] = [g.symbol('tokens'), g.symbol('joint'), g.symbol('segments')];
    const emb = embedConditions(w, config); // [R, timeDim]
    const turns = config.positions !== 'computed';
    const condition: CogvideoxCondition = {
      c: activation(emb, 'silu'),
      streams: g.input('streams', [g.symbol('streamRows')], 'i32'),
      row: g.input('row', [joint], 'i32'),
      segments: g.input('segments', [segments, 4], 'i32'),
      ...(turns ? { turn: turnOf(w, config) } : {}),
      one: g.constant('one', new Float32Array(D).fill(1)),
      minusOne: g.constant('minus_one', new Float32Array(D).fill(-1)),
    };
    let x = w.within('patch_embed', (w) => embedTokens(w, config)); // [joint, D]
    const imageIndex = g.input('imageIndex', [tokens], 'i32');
    g.cut('embedded', x, imageIndex);
    for (let layer = 0; layer < layers; layer++) {
      x = w.within(`transformer_blocks.${layer}`, (w) => cogvideoxBlock(w, x, condition, config));
      if (layer === 0) g.cut('first', x, imageIndex);
    }
    const video = gather(imageIndex, x); // [T, D]
    g.cut('last', video);
    const n = finalNorm(w.at('norm_final'), video, config);
    const modulation = linearLayer(w.at('norm_out.linear'), condition.c, 2 * D); // [R, 2D]: shift, scale
    const row = g.input('imageRow', [tokens], 'i32');
    const h = normed(w.at('norm_out.norm'), n, modulation, row, condition, config);
    const patch = patchOf(config);
    const width = outChannels * patch.patchT * patch.patchH * patch.patchW;
    const y = linearLayer(w.at('proj_out'), h, width); // [T, outChannels·patch]
    predictLatents(g, y, patch, 'channel_first');
  });
}

function patchOf({ patchSize, patchSizeT }: CogvideoxConfig) {
  return { patchT: patchSizeT ?? 1, patchH: patchSize, patchW: patchSize };
}

function turnOf({ g }: Weights, { headDim }: CogvideoxConfig) {
  const shape = [g.symbol('joint'), headDim / 2];
  return { cos: g.input('cos', shape), sin: g.input('sin', shape) };
}

/** Timestep and, where the model has it, ofs: [R, timeDim]. */
function embedConditions(w: Weights, config: CogvideoxConfig): Tensor {
  const { hiddenSize, timeDim, ofsDim, cosFirst, freqShift } = config;
  const rows = w.g.symbol('rows');
  const embed = (part: string, input: string, dim: number) => {
    const features = timestepEmbedding(w.g.input(input, [rows]), {
      dim,
      flipSinToCos: cosFirst,
      downscaleFreqShift: freqShift,
    }); // [R, dim]
    return embedder(w.at(part), features, timeDim); // [R, timeDim]
  };
  const time = embed('time_embedding', 'timestep', hiddenSize);
  return ofsDim === null ? time : add(time, embed('ofs_embedding', 'ofs', ofsDim));
}

/** Text and video as one sequence with the positions that are added: [joint, D]. */
function embedTokens(w: Weights, config: CogvideoxConfig): Tensor {
  const { g } = w;
  const { hiddenSize: D, inChannels: channels, patchSizeT, positions } = config;
  const tokens = g.symbol('tokens');
  const patch = patchOf(config);
  const patches = latentPatches(g, channels, patch); // [T, inChannels·patch]
  const convolution = { storedShape: [D, channels, patch.patchH, patch.patchW] };
  const video = linearLayer(w.at('proj'), patches, D, {
    ...(patchSizeT === null ? { ...convolution, bias: config.patchBias } : {}),
    ...(positions === 'computed' ? { residual: g.input('positions', [tokens, D]) } : {}),
  }); // [T, D]
  const text = g.input('text', [g.symbol('textTokens'), config.textDim]);
  const words = linearLayer(w.at('text_proj'), text, D); // [textTokens, D]
  const x = gather(g.input('jointIndex', [g.symbol('joint')], 'i32'), video, words); // [joint, D]
  if (positions !== 'rotary-learned') return x;
  const count = learnedPositions(config);
  const table = w.get('pos_embedding', [count, D], { storedShape: [1, count, D] });
  return add(x, embedding(g.input('position', [g.symbol('joint')], 'i32'), table));
}

/** Rows of the learned table: those of the text, then those of a clip of the trained size. */
function learnedPositions({ maxTextTokens, trained, patchSize: p }: CogvideoxConfig): number {
  const { frames, height, width } = trained;
  return maxTextTokens + frames * Math.floor(height / p) * Math.floor(width / p);
}

function finalNorm(w: Weights, x: Tensor, config: CogvideoxConfig): Tensor {
  const { hiddenSize: D, affineNorms, epsilon } = config;
  if (!affineNorms) return layerNorm(x, { epsilon });
  return layerNorm(x, { weight: w.get('weight', [D]), bias: w.get('bias', [D]), epsilon });
}
