import { attention, columns, layerNorm, type Tensor } from '@tubelet/graph';
import { fusedLinear, linearLayer, type Weights } from '../weights.js';
import type { VitConfig } from './config.js';

/** What a layer reads of a config. */
export type VitBlockConfig = Pick<
  VitConfig,
  'hiddenSize' | 'heads' | 'ffnDim' | 'activation' | 'qkvBias' | 'epsilon'
>;

export function vitNorm(
  w: Weights,
  x: Tensor,
  { hiddenSize: D, epsilon }: Pick<VitBlockConfig, 'hiddenSize' | 'epsilon'>,
): Tensor {
  return layerNorm(x, { weight: w.get('weight', [D]), bias: w.get('bias', [D]), epsilon });
}

/**
 * A ViT layer under the names of published checkpoints: `attention.attention.query`, `attention.output.dense`, ….
 *
 * @param x [T, D]
 * @returns [T, D]
 */
export function vitBlock(w: Weights, x: Tensor, segments: Tensor, config: VitBlockConfig): Tensor {
  const h = vitNorm(w.at('layernorm_before'), x, config);
  return vitFeedForward(w, vitAttention(w.at('attention'), h, segments, config, x), config);
}

/** Self-attention of normed tokens, and the residual. */
export function vitAttention(
  w: Weights,
  h: Tensor,
  segments: Tensor,
  { hiddenSize: D, heads, qkvBias: bias }: VitBlockConfig,
  residual: Tensor,
): Tensor {
  const qkv = fusedLinear(w.at('attention'), h, ['query', 'key', 'value'], D, { bias }); // [T, 3D]
  const [q, k, v] = [columns(qkv, 0, D), columns(qkv, D, D), columns(qkv, 2 * D, D)];
  const a = attention(q, k, v, segments, { heads, scale: 1 / Math.sqrt(D / heads) }); // [T, D]
  return linearLayer(w.at('output.dense'), a, D, { residual });
}

/** The second half of a layer: norm, feed-forward, residual. */
export function vitFeedForward(w: Weights, x: Tensor, config: VitBlockConfig): Tensor {
  const { hiddenSize: D, ffnDim, activation } = config;
  const f = vitNorm(w.at('layernorm_after'), x, config);
  const up = linearLayer(w.at('intermediate.dense'), f, ffnDim, { activation }); // [T, ffnDim]
  return linearLayer(w.at('output.dense'), up, D, { residual: x }); // [T, D]
}
