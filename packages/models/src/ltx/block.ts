import { adaln, add, attention, columns, rmsNorm, rotary, type Tensor } from '@tubelet/graph';
import { fusedLinear, linearLayer, type Weights } from '../weights.js';
import type { LtxConfig } from './config.js';

/** Of the norms of queries and keys. */
const headEpsilon = 1e-5;

/** What every block is given beside the tokens. */
export interface LtxCondition {
  /** [R, 6D], the one adaLN of the model, before a block's own table is added. */
  readonly timeProjection: Tensor;
  /** i32 [T] */
  readonly row: Tensor;
  /** [T, D / 2] */
  readonly cos: Tensor;
  readonly sin: Tensor;
  /** i32 [S, 4], each clip's tokens attending themselves. */
  readonly selfSegments: Tensor;
  /** [textTokens, D] */
  readonly text: Tensor;
  /** i32 [S, 4], each clip's tokens attending its text. */
  readonly crossSegments: Tensor;
}

/**
 * One block of LTXVideoTransformer3DModel (diffusers 0.42.1, LTXVideoTransformerBlock): cross-attention has neither norm nor
 * modulation.
 *
 * @param x [T, D]
 * @returns [T, D]
 */
export function ltxBlock(w: Weights, x: Tensor, c: LtxCondition, config: LtxConfig): Tensor {
  const { hiddenSize: D, epsilon, attentionOutBias: bias } = config;
  const { row } = c;
  const table = w.get('scale_shift_table', [6 * D], { storedShape: [6, D] });
  const modulation = add(c.timeProjection, table); // [R, 6D]: shift, scale, gate of attention, of feed-forward
  const normed = (x: Tensor, first: number) => {
    const [shiftColumn, scaleColumn] = [first * D, (first + 1) * D];
    return adaln(x, modulation, row, { norm: 'rms', epsilon, shiftColumn, scaleColumn });
  };
  const gated = (gate: number, residual: Tensor) => ({
    modulation,
    row,
    gateColumn: gate * D,
    residual,
  });

  const a = w.within('attn1', (w) => selfAttention(w, normed(x, 0), c, config)); // [T, D]
  x = linearLayer(w.at('attn1.to_out.0'), a, D, { bias, ...gated(2, x) });
  const b = w.within('attn2', (w) => crossAttention(w, x, c, config)); // [T, D]
  x = linearLayer(w.at('attn2.to_out.0'), b, D, { bias, residual: x });
  const up = linearLayer(w.at('ff.net.0.proj'), normed(x, 3), 4 * D, { activation: 'gelu_tanh' }); // [T, 4D]
  return linearLayer(w.at('ff.net.2'), up, D, gated(5, x)); // [T, D]
}

/** RMS norm over all heads together. */
function headNorm(w: Weights, x: Tensor, { hiddenSize }: LtxConfig): Tensor {
  return rmsNorm(x, { weight: w.get('weight', [hiddenSize]), epsilon: headEpsilon });
}

/** Positions turn the whole width as if it were one head. */
function selfAttention(w: Weights, x: Tensor, c: LtxCondition, config: LtxConfig): Tensor {
  const { hiddenSize: D, heads, attentionBias: bias } = config;
  const turn = (t: Tensor) => rotary(t, c.cos, c.sin, { headDim: D, layout: 'interleaved' });
  const qkv = fusedLinear(w, x, ['to_q', 'to_k', 'to_v'], D, { bias }); // [T, 3D]
  const q = turn(headNorm(w.at('norm_q'), columns(qkv, 0, D), config)); // [T, D]
  const k = turn(headNorm(w.at('norm_k'), columns(qkv, D, D), config));
  const v = columns(qkv, 2 * D, D);
  return attention(q, k, v, c.selfSegments, { heads, scale: Math.sqrt(heads / D) });
}

function crossAttention(w: Weights, x: Tensor, c: LtxCondition, config: LtxConfig): Tensor {
  const { hiddenSize: D, heads, attentionBias: bias } = config;
  const q = headNorm(w.at('norm_q'), linearLayer(w.at('to_q'), x, D, { bias }), config); // [T, D]
  const kv = fusedLinear(w, c.text, ['to_k', 'to_v'], D, { bias }); // [textTokens, 2D]
  const k = headNorm(w.at('norm_k'), columns(kv, 0, D), config); // [textTokens, D]
  const options = { heads, scale: Math.sqrt(heads / D) };
  return attention(q, k, columns(kv, D, D), c.crossSegments, options);
}
