import { type Activation, attention, columns, layerNorm, type Tensor } from '@tubelet/graph';
import { fusedLinear, linearLayer, type Weights } from './weights.js';

/** What a block reads of the config of either encoder. */
export interface ClipBlockConfig {
  readonly hiddenSize: number;
  readonly heads: number;
  readonly ffnDim: number;
  readonly activation: Activation;
  readonly epsilon: number;
}

export function clipNorm(
  w: Weights,
  x: Tensor,
  { hiddenSize: D, epsilon }: ClipBlockConfig,
): Tensor {
  return layerNorm(x, { weight: w.get('weight', [D]), bias: w.get('bias', [D]), epsilon });
}

/**
 * CLIPEncoderLayer (transformers 5.23.0), which texts attend causally and images as a whole.
 *
 * @param x [T, D]
 * @returns [T, D]
 */
export function clipBlock(
  w: Weights,
  x: Tensor,
  segments: Tensor,
  config: ClipBlockConfig,
  { causal }: { readonly causal: boolean },
): Tensor {
  const { hiddenSize: D, heads, ffnDim, activation } = config;
  const attn = w.at('self_attn');
  const h = clipNorm(w.at('layer_norm1'), x, config);
  const qkv = fusedLinear(attn, h, ['q_proj', 'k_proj', 'v_proj'], D); // [T, 3D]
  const [q, k, v] = [columns(qkv, 0, D), columns(qkv, D, D), columns(qkv, 2 * D, D)];
  const scale = 1 / Math.sqrt(D / heads);
  const a = attention(q, k, v, segments, { heads, scale, causal }); // [T, D]
  const y = linearLayer(attn.at('out_proj'), a, D, { residual: x });
  const f = clipNorm(w.at('layer_norm2'), y, config);
  const up = linearLayer(w.at('mlp.fc1'), f, ffnDim, { activation }); // [T, ffnDim]
  return linearLayer(w.at('mlp.fc2'), up, D, { residual: y }); // [T, D]
}
