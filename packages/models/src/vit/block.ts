import { attention, columns, layerNorm, type Tensor } from '@tubelet/graph';
import { fusedLinear, linearLayer, type Weights } from '../weights.js';
import type { VitConfig } from './config.js';

export function vitNorm(w: Weights, x: Tensor, { hiddenSize: D, epsilon }: VitConfig): Tensor {
  return layerNorm(x, { weight: w.get('weight', [D]), bias: w.get('bias', [D]), epsilon });
}

/**
 * A ViT layer under the names of published checkpoints: `attention.attention.query`, `attention.output.dense`, ….
 *
 * @param x [T, D]
 * @returns [T, D]
 */
export function vitBlock(w: Weights, x: Tensor, segments: Tensor, config: VitConfig): Tensor {
  const { hiddenSize: D, heads, ffnDim, activation, qkvBias: bias } = config;
  const h = vitNorm(w.at('layernorm_before'), x, config);
  const attn = w.at('attention.attention');
  const qkv = fusedLinear(attn, h, ['query', 'key', 'value'], D, { bias }); // [T, 3D]
  const [q, k, v] = [columns(qkv, 0, D), columns(qkv, D, D), columns(qkv, 2 * D, D)];
  const a = attention(q, k, v, segments, { heads, scale: 1 / Math.sqrt(D / heads) }); // [T, D]
  x = linearLayer(w.at('attention.output.dense'), a, D, { residual: x });
  const f = vitNorm(w.at('layernorm_after'), x, config);
  const up = linearLayer(w.at('intermediate.dense'), f, ffnDim, { activation }); // [T, ffnDim]
  return linearLayer(w.at('output.dense'), up, D, { residual: x }); // [T, D]
}
