import {
  adaln,
  add,
  attention,
  columns,
  layerNorm,
  rmsNorm,
  rotary,
  type Tensor,
} from '@tubelet/graph';
import { fusedLinear, linearLayer, type Weights } from '../weights.js';
import type { WanConfig } from './config.js';

/** What every block of a Wan transformer is given beside the tokens. */
export interface WanCondition {
  /** [R, 6D], the projected timesteps before a block's own table is added. */
  readonly timeProjection: Tensor;
  /** i32 [T], each token's row of the modulation. */
  readonly row: Tensor;
  /** [T, headDim / 2] */
  readonly cos: Tensor;
  readonly sin: Tensor;
  /** i32 [S, 4], each clip's tokens attending themselves. */
  readonly selfSegments: Tensor;
  /** [textTokens, D] */
  readonly text: Tensor;
  /** i32 [S, 4], each clip's tokens attending its text. */
  readonly crossSegments: Tensor;
  readonly image?: {
    /** [imageTokens, D] */
    readonly tokens: Tensor;
    /** i32 [S, 4] */
    readonly segments: Tensor;
  };
}

/** Where the parts of a block's modulation stand, in units of D. */
const shift = 0;
const scale = 1;
const gate = 2;
const ffnShift = 3;
const ffnScale = 4;
const ffnGate = 5;

/**
 * One block of WanTransformer3DModel (diffusers 0.42.1, transformer_wan.py).
 *
 * @param x [T, D]
 * @returns [T, D]
 */
export function wanBlock(w: Weights, x: Tensor, c: WanCondition, config: WanConfig): Tensor {
  const { hiddenSize: D, epsilon } = config;
  const { row } = c;
  const table = w.get('scale_shift_table', [6 * D], { storedShape: [1, 6, D] });
  const modulation = add(c.timeProjection, table); // [R, 6D]

  const h = adaln(x, modulation, row, { epsilon, shiftColumn: shift * D, scaleColumn: scale * D });
  const a = w.within('attn1', (w) => selfAttention(w, h, c, config));
  x = linearLayer(w.at('attn1.to_out.0'), a, D, {
    modulation,
    row,
    gateColumn: gate * D,
    residual: x,
  });

  const q = config.crossAttnNorm ? crossNorm(w.at('norm2'), x, config) : x;
  const b = w.within('attn2', (w) => crossAttention(w, q, c, config));
  x = linearLayer(w.at('attn2.to_out.0'), b, D, { residual: x });

  const f = adaln(x, modulation, row, {
    epsilon,
    shiftColumn: ffnShift * D,
    scaleColumn: ffnScale * D,
  });
  const up = linearLayer(w.at('ffn.net.0.proj'), f, config.ffnDim, { activation: 'gelu_tanh' }); // [T, ffnDim]
  return linearLayer(w.at('ffn.net.2'), up, D, {
    modulation,
    row,
    gateColumn: ffnGate * D,
    residual: x,
  }); // [T, D]
}

function crossNorm(w: Weights, x: Tensor, { hiddenSize, epsilon }: WanConfig): Tensor {
  return layerNorm(x, {
    weight: w.get('weight', [hiddenSize]),
    bias: w.get('bias', [hiddenSize]),
    epsilon,
  });
}

/** RMS norm over all heads together. */
function headNorm(w: Weights, x: Tensor, { hiddenSize, epsilon }: WanConfig): Tensor {
  return rmsNorm(x, { weight: w.get('weight', [hiddenSize]), epsilon });
}

function selfAttention(w: Weights, x: Tensor, c: WanCondition, config: WanConfig): Tensor {
  const { hiddenSize: D, heads, headDim } = config;
  const turn = (t: Tensor) => rotary(t, c.cos, c.sin, { headDim, layout: 'interleaved' });
  const qkv = fusedLinear(w, x, ['to_q', 'to_k', 'to_v'], D); // [T, 3D]
  const q = turn(headNorm(w.at('norm_q'), columns(qkv, 0, D), config)); // [T, D]
  const k = turn(headNorm(w.at('norm_k'), columns(qkv, D, D), config));
  const v = columns(qkv, 2 * D, D);
  return attention(q, k, v, c.selfSegments, { heads, scale: 1 / Math.sqrt(headDim) });
}

/** The text and, where there is one, the image are attended apart, with the same query, and added. */
function crossAttention(w: Weights, x: Tensor, c: WanCondition, config: WanConfig): Tensor {
  const { hiddenSize: D, heads, headDim } = config;
  const options = { heads, scale: 1 / Math.sqrt(headDim) };
  const q = headNorm(w.at('norm_q'), linearLayer(w.at('to_q'), x, D), config); // [T, D]
  const kv = fusedLinear(w, c.text, ['to_k', 'to_v'], D); // [textTokens, 2D]
  const k = headNorm(w.at('norm_k'), columns(kv, 0, D), config); // [textTokens, D]
  const text = attention(q, k, columns(kv, D, D), c.crossSegments, options); // [T, D]
  if (!c.image) return text;

  const added = fusedLinear(w, c.image.tokens, ['add_k_proj', 'add_v_proj'], D); // [imageTokens, 2D]
  const imageK = headNorm(w.at('norm_added_k'), columns(added, 0, D), config); // [imageTokens, D]
  return add(text, attention(q, imageK, columns(added, D, D), c.image.segments, options)); // [T, D]
}
