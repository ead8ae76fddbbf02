import { attention, columns, layerNorm, type Tensor } from '@tubelet/graph';
import { fusedLinear, linearLayer, type Weights } from '../weights.js';
import type { HunyuanConfig } from './config.js';

// Double and single blocks are FLUX's (flux/block.ts): same layers, same names.

/** Of all norms. */
const epsilon = 1e-6;

export interface RefinerCondition {
  /** [S, D], silu of the timestep and the text's mean. */
  readonly c: Tensor;
  /** i32 [textTokens] */
  readonly textRow: Tensor;
  /** i32 [S, 4], each text attending itself. */
  readonly textSelfSegments: Tensor;
}

/**
 * HunyuanVideoIndividualTokenRefinerBlock (diffusers 0.42.1).
 *
 * @param y [textTokens, D]
 * @returns [textTokens, D]
 */
export function refinerBlock(
  w: Weights,
  y: Tensor,
  { c, textRow: row, textSelfSegments }: RefinerCondition,
  { hiddenSize: D, heads }: HunyuanConfig,
): Tensor {
  const norm = (part: string, x: Tensor) => {
    const at = w.at(part);
    return layerNorm(x, { weight: at.get('weight', [D]), bias: at.get('bias', [D]), epsilon });
  };
  const modulation = linearLayer(w.at('norm_out.linear'), c, 2 * D); // [S, 2D]: gate of attention, of feed-forward
  const gated = (gate: number, residual: Tensor) => ({
    modulation,
    row,
    gateColumn: gate * D,
    residual,
  });
  const qkv = fusedLinear(w.at('attn'), norm('norm1', y), ['to_q', 'to_k', 'to_v'], D); // [textTokens, 3D]
  const [q, k, v] = [columns(qkv, 0, D), columns(qkv, D, D), columns(qkv, 2 * D, D)];
  const scale = 1 / Math.sqrt(D / heads);
  const a = attention(q, k, v, textSelfSegments, { heads, scale }); // [textTokens, D]
  const x = linearLayer(w.at('attn.to_out.0'), a, D, gated(0, y));
  const up = linearLayer(w.at('ff.net.0.proj'), norm('norm2', x), 4 * D, { activation: 'silu' }); // [textTokens, 4D]
  return linearLayer(w.at('ff.net.2'), up, D, gated(1, x)); // [textTokens, D]
}
