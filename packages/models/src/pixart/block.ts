import { adaln, add, attention, columns, type Tensor } from '@tubelet/graph';
import { fusedLinear, linearLayer, type Weights } from '../weights.js';
import type { PixartConfig } from './config.js';

/** What every block is given beside the tokens. */
export interface PixartCondition {
  /** [R, 6D], the one adaLN of the model, before a block's own table is added. */
  readonly timeProjection: Tensor;
  /** i32 [T] */
  readonly row: Tensor;
  /** i32 [S, 4] */
  readonly segments: Tensor;
  /** Of the cross-attention, which a block without text has not. */
  readonly cross?: {
    /** [textTokens, D] */
    readonly text: Tensor;
    /** i32 [S, 4] */
    readonly segments: Tensor;
  };
}

/**
 * One block of PixArtTransformer2DModel (diffusers 0.42.1): cross-attention has neither norm nor modulation.
 *
 * @param x [T, D]
 * @returns [T, D]
 */
export function pixartBlock(
  w: Weights,
  x: Tensor,
  c: PixartCondition,
  config: Pick<PixartConfig, 'hiddenSize' | 'heads' | 'epsilon' | 'attentionBias'>,
): Tensor {
  const { hiddenSize: D, heads, epsilon, attentionBias: bias } = config;
  const { row } = c;
  const options = { heads, scale: 1 / Math.sqrt(D / heads) };
  const table = w.get('scale_shift_table', [6 * D], { storedShape: [6, D] });
  const modulation = add(c.timeProjection, table); // [R, 6D]: shift, scale, gate of attention, of feed-forward
  const gated = (gateColumn: number, residual: Tensor) => ({
    modulation,
    row,
    gateColumn,
    residual,
  });

  const h = adaln(x, modulation, row, { epsilon, shiftColumn: 0, scaleColumn: D });
  const qkv = fusedLinear(w.at('attn1'), h, ['to_q', 'to_k', 'to_v'], D, { bias }); // [T, 3D]
  const [q, k, v] = [columns(qkv, 0, D), columns(qkv, D, D), columns(qkv, 2 * D, D)];
  const a = attention(q, k, v, c.segments, options); // [T, D]
  x = linearLayer(w.at('attn1.to_out.0'), a, D, gated(2 * D, x));

  if (c.cross) {
    const asked = linearLayer(w.at('attn2.to_q'), x, D, { bias }); // [T, D]
    const kv = fusedLinear(w.at('attn2'), c.cross.text, ['to_k', 'to_v'], D, { bias }); // [textTokens, 2D]
    const b = attention(asked, columns(kv, 0, D), columns(kv, D, D), c.cross.segments, options); // [T, D]
    x = linearLayer(w.at('attn2.to_out.0'), b, D, { residual: x });
  }

  const f = adaln(x, modulation, row, { epsilon, shiftColumn: 3 * D, scaleColumn: 4 * D });
  const up = linearLayer(w.at('ff.net.0.proj'), f, 4 * D, { activation: 'gelu_tanh' }); // [T, 4D]
  return linearLayer(w.at('ff.net.2'), up, D, gated(5 * D, x)); // [T, D]
}
