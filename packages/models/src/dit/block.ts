import {
  adaln,
  attention,
  columns,
  type LinearOptions,
  layerNorm,
  type Tensor,
} from '@tubelet/graph';
import { linearLayer, type Weights } from '../weights.js';
import { type DitConfig, epsilon } from './config.js';

/** What every block is given beside the tokens: what its design reads. */
export interface DitCondition {
  /** i32 [S, 4], each image's tokens attending themselves. */
  readonly segments: Tensor;
  /** adaLN and adaLN-Zero. */
  readonly modulated?: {
    /** [R, D], silu of timestep and label embedding. */
    readonly c: Tensor;
    /** i32 [T] */
    readonly row: Tensor;
  };
  /** Cross-attention. */
  readonly context?: {
    /** [2S, D], timestep and label of each image. */
    readonly tokens: Tensor;
    /** i32 [S, 4] */
    readonly segments: Tensor;
  };
}

/** How a layer's result returns to the tokens. */
type Return = Pick<LinearOptions, 'modulation' | 'row' | 'gateColumn' | 'residual'>;

/**
 * A DiT block of the config's design (DiT, section 3.2). In-context tokens are among `x` already.
 *
 * @param x [T, D]
 * @returns [T, D]
 */
export function ditBlock(
  w: Weights,
  x: Tensor,
  condition: DitCondition,
  config: DitConfig,
): Tensor {
  const { conditioning } = config;
  if (!condition.modulated) return plainBlock(w, x, condition, config);
  const { c, row } = condition.modulated;
  return conditioning === 'adaln'
    ? adalnBlock(w, x, c, row, condition.segments, config)
    : adalnZeroBlock(w, x, c, row, condition.segments, config);
}

function adalnZeroBlock(
  w: Weights,
  x: Tensor,
  c: Tensor,
  row: Tensor,
  segments: Tensor,
  config: DitConfig,
): Tensor {
  const { hiddenSize: D } = config;
  const modulation = linearLayer(w.at('adaLN_modulation.1'), c, 6 * D); // [R, 6D]: shift, scale, gate of attention, of mlp
  const h = adaln(x, modulation, row, { epsilon, shiftColumn: 0, scaleColumn: D });
  x = selfAttention(w, h, segments, config, { modulation, row, gateColumn: 2 * D, residual: x });
  const f = adaln(x, modulation, row, { epsilon, shiftColumn: 3 * D, scaleColumn: 4 * D });
  return feedForward(w, f, config, { modulation, row, gateColumn: 5 * D, residual: x });
}

function adalnBlock(
  w: Weights,
  x: Tensor,
  c: Tensor,
  row: Tensor,
  segments: Tensor,
  config: DitConfig,
): Tensor {
  const { hiddenSize: D } = config;
  const modulation = linearLayer(w.at('adaLN_modulation.1'), c, 4 * D); // [R, 4D]: shift, scale of attention, of mlp
  const h = adaln(x, modulation, row, { epsilon, shiftColumn: 0, scaleColumn: D });
  x = selfAttention(w, h, segments, config, { residual: x });
  const f = adaln(x, modulation, row, { epsilon, shiftColumn: 2 * D, scaleColumn: 3 * D });
  return feedForward(w, f, config, { residual: x });
}

/** A block of the usual transformer, with cross-attention where there is a context. */
function plainBlock(
  w: Weights,
  x: Tensor,
  { segments, context }: DitCondition,
  config: DitConfig,
): Tensor {
  x = selfAttention(w, affineNorm(w.at('norm1'), x), segments, config, { residual: x });
  if (context) x = crossAttention(w, x, context, config);
  return feedForward(w, affineNorm(w.at('norm2'), x), config, { residual: x });
}

/** LayerNorm with weights, which adaLN replaces. */
export function affineNorm(w: Weights, x: Tensor): Tensor {
  const D = Number(x.shape[1]);
  return layerNorm(x, { weight: w.get('weight', [D]), bias: w.get('bias', [D]), epsilon });
}

function selfAttention(
  w: Weights,
  x: Tensor,
  segments: Tensor,
  { hiddenSize: D, heads }: DitConfig,
  back: Return,
): Tensor {
  const qkv = linearLayer(w.at('attn.qkv'), x, 3 * D); // [T, 3D]
  const [q, k, v] = [columns(qkv, 0, D), columns(qkv, D, D), columns(qkv, 2 * D, D)];
  const a = attention(q, k, v, segments, { heads, scale: 1 / Math.sqrt(D / heads) }); // [T, D]
  return linearLayer(w.at('attn.proj'), a, D, back);
}

function crossAttention(
  w: Weights,
  x: Tensor,
  { tokens, segments }: NonNullable<DitCondition['context']>,
  { hiddenSize: D, heads }: DitConfig,
): Tensor {
  const q = linearLayer(w.at('cross_attn.q'), affineNorm(w.at('norm_cross'), x), D); // [T, D]
  const kv = linearLayer(w.at('cross_attn.kv'), tokens, 2 * D); // [2S, 2D]
  const [k, v] = [columns(kv, 0, D), columns(kv, D, D)];
  const a = attention(q, k, v, segments, { heads, scale: 1 / Math.sqrt(D / heads) }); // [T, D]
  return linearLayer(w.at('cross_attn.proj'), a, D, { residual: x });
}

function feedForward(
  w: Weights,
  x: Tensor,
  { ffnDim, hiddenSize }: DitConfig,
  back: Return,
): Tensor {
  const up = linearLayer(w.at('mlp.fc1'), x, ffnDim, { activation: 'gelu_tanh' }); // [T, ffnDim]
  return linearLayer(w.at('mlp.fc2'), up, hiddenSize, back); // [T, D]
}
