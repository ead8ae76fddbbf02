import { adaln, attention, columns, type Tensor } from '@tubelet/graph';
import { linearLayer, type Weights } from '../weights.js';
import type { DitConfig } from './config.js';

export const epsilon = 1e-6;

/** What every block is given beside the tokens. */
export interface DitCondition {
  /** [R, D], silu of timestep and label embedding. */
  readonly c: Tensor;
  /** i32 [T] */
  readonly row: Tensor;
  /** i32 [S, 4] */
  readonly segments: Tensor;
}

/**
 * A DiT block with adaLN-Zero (DiT, section 3.2).
 *
 * @param x [T, D]
 * @returns [T, D]
 */
export function ditBlock(
  w: Weights,
  x: Tensor,
  { c, row, segments }: DitCondition,
  config: DitConfig,
): Tensor {
  const { hiddenSize: D, heads } = config;
  const modulation = linearLayer(w.at('adaLN_modulation.1'), c, 6 * D); // [R, 6D]: shift, scale, gate of attention, of mlp
  const h = adaln(x, modulation, row, { epsilon, shiftColumn: 0, scaleColumn: D });
  const qkv = linearLayer(w.at('attn.qkv'), h, 3 * D); // [T, 3D]
  const [q, k, v] = [columns(qkv, 0, D), columns(qkv, D, D), columns(qkv, 2 * D, D)];
  const a = attention(q, k, v, segments, { heads, scale: 1 / Math.sqrt(D / heads) }); // [T, D]
  x = linearLayer(w.at('attn.proj'), a, D, { modulation, row, gateColumn: 2 * D, residual: x });
  const f = adaln(x, modulation, row, { epsilon, shiftColumn: 3 * D, scaleColumn: 4 * D });
  const up = linearLayer(w.at('mlp.fc1'), f, config.ffnDim, { activation: 'gelu_tanh' }); // [T, ffnDim]
  return linearLayer(w.at('mlp.fc2'), up, D, { modulation, row, gateColumn: 5 * D, residual: x }); // [T, D]
}
