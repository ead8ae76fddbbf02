import {
  adaln,
  add,
  attention,
  columns,
  concatColumns,
  gather,
  layerNorm,
  multiply,
  rotary,
  type Tensor,
} from '@tubelet/graph';
import { fusedLinear, linearLayer, type Weights } from '../weights.js';
import type { CogvideoxConfig } from './config.js';

/** Of the norms of queries and keys. */
const headEpsilon = 1e-6;

/** What every block is given beside the tokens. */
export interface CogvideoxCondition {
  /** [R, timeDim], silu of the embedded timesteps. */
  readonly c: Tensor;
  /** i32 [2R], all rows of a table [R, n] for video and then all of one for text. */
  readonly streams: Tensor;
  /** i32 [joint], each token's row among the 2R. */
  readonly row: Tensor;
  /** i32 [S, 4], each segment's tokens attending themselves. */
  readonly segments: Tensor;
  /** [joint, headDim / 2], without turn for text; absent where positions are added. */
  readonly turn?: { readonly cos: Tensor; readonly sin: Tensor };
  /** [D] */
  readonly one: Tensor;
  readonly minusOne: Tensor;
}

/**
 * One block of CogVideoXTransformer3DModel (diffusers 0.42.1, CogVideoXBlock): text and video share all weights but the rows of the
 * modulation, so they are one sequence, text first.
 *
 * @param x [joint, D]
 * @returns [joint, D]
 */
export function cogvideoxBlock(
  w: Weights,
  x: Tensor,
  condition: CogvideoxCondition,
  config: CogvideoxConfig,
): Tensor {
  const { hiddenSize: D, heads, headDim, attentionBias: bias } = config;
  const { row, turn } = condition;
  const first = modulationOf(w.at('norm1'), condition, config);
  const h = normed(w.at('norm1.norm'), x, first, row, condition, config);
  const qkv = fusedLinear(w.at('attn1'), h, ['to_q', 'to_k', 'to_v'], D, { bias }); // [joint, 3D]
  const turned = (part: string, start: number) => {
    const t = headNorm(w.at('attn1').at(part), columns(qkv, start, D), config);
    return turn ? rotary(t, turn.cos, turn.sin, { headDim, layout: 'interleaved' }) : t;
  };
  const [q, k, v] = [turned('norm_q', 0), turned('norm_k', D), columns(qkv, 2 * D, D)];
  const options = { heads, scale: 1 / Math.sqrt(headDim) };
  const a = attention(q, k, v, condition.segments, options); // [joint, D]
  const gated = (modulation: Tensor, residual: Tensor) => ({
    modulation,
    row,
    gateColumn: 2 * D,
    residual,
  });
  x = linearLayer(w.at('attn1.to_out.0'), a, D, gated(first, x));

  const second = modulationOf(w.at('norm2'), condition, config);
  const f = normed(w.at('norm2.norm'), x, second, row, condition, config);
  const up = linearLayer(w.at('ff.net.0.proj'), f, 4 * D, { activation: 'gelu_tanh' }); // [joint, 4D]
  return linearLayer(w.at('ff.net.2'), up, D, gated(second, x)); // [joint, D]
}

/** CogVideoXLayerNormZero's parts: shift, scale, gate of the video in the first R rows, of the text in the others: [2R, 3D]. */
function modulationOf(w: Weights, { c, streams }: CogvideoxCondition, config: CogvideoxConfig) {
  const { hiddenSize: D } = config;
  const both = linearLayer(w.at('linear'), c, 6 * D); // [R, 6D]
  return gather(streams, columns(both, 0, 3 * D), columns(both, 3 * D, 3 * D)); // [2R, 3D]
}

/** LayerNorm of every query's and key's head, one weight for all. */
function headNorm(w: Weights, x: Tensor, { headDim, heads }: CogvideoxConfig): Tensor {
  const [weight, bias] = [w.get('weight', [headDim]), w.get('bias', [headDim])];
  return layerNorm(x, { weight, bias, epsilon: headEpsilon, groups: heads });
}

/**
 * A LayerNorm with weights, then shifted and scaled by row. The norm's weights go into the table, which has few rows:
 * (n·w + b)(1 + scale) + shift = n·(1 + [w(1 + scale) - 1]) + [b(1 + scale) + shift].
 *
 * @param w the norm's weights
 * @param x [T, D]
 * @param modulation [rows, 2D or more]: shift, scale
 * @returns [T, D]
 */
export function normed(
  w: Weights,
  x: Tensor,
  modulation: Tensor,
  row: Tensor,
  { one, minusOne }: Pick<CogvideoxCondition, 'one' | 'minusOne'>,
  { hiddenSize: D, affineNorms, epsilon }: CogvideoxConfig,
): Tensor {
  const columnsOf = { epsilon, shiftColumn: 0, scaleColumn: D };
  if (!affineNorms) return adaln(x, modulation, row, columnsOf);
  const factor = add(columns(modulation, D, D), one); // [rows, D]
  const shift = add(multiply(factor, w.get('bias', [D])), columns(modulation, 0, D));
  const scale = add(multiply(factor, w.get('weight', [D])), minusOne);
  return adaln(x, concatColumns(shift, scale), row, columnsOf);
}
