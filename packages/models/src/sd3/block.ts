import { adaln, attention, columns, type Tensor } from '@tubelet/graph';
import { headNorm, type JointIndex, jointAttention } from '../joint-attention.js';
import { fusedLinear, linearLayer, type Weights } from '../weights.js';
import type { Sd3Config } from './config.js';

/** Of all norms. */
const epsilon = 1e-6;

/** What every block is given beside the tokens. */
export interface Sd3Condition {
  /** [R, D], silu of timestep and pooled text. */
  readonly c: Tensor;
  /** i32 [T] */
  readonly row: Tensor;
  /** i32 [textTokens] */
  readonly textRow: Tensor;
  readonly joint: JointIndex;
  /** i32 [S, 4], for dual attention: an image's tokens among themselves. */
  readonly imageOnly?: Tensor;
}

export interface Streams {
  /** [T, D] */
  readonly image: Tensor;
  /** [textTokens, D]; the last block has no use for it. */
  readonly text?: Tensor;
}

/**
 * One block of SD3Transformer2DModel (diffusers 0.42.1, JointTransformerBlock): image and text have weights of their own and
 * attend together. The last block only reads the text.
 */
export function sd3Block(
  w: Weights,
  { image: x, text: y }: Required<Streams>,
  condition: Sd3Condition,
  config: Sd3Config,
  { isDual, isLast }: { readonly isDual: boolean; readonly isLast: boolean },
): Streams {
  const { hiddenSize: D, heads } = config;
  const { c, row, textRow } = condition;
  const modulation = linearLayer(w.at('norm1.linear'), c, (isDual ? 9 : 6) * D); // [R, 6D or 9D]: shift, scale, gate each
  const added = linearLayer(w.at('norm1_context.linear'), c, (isLast ? 2 : 6) * D); // [R, 6D], or [R, 2D]: scale, shift
  const [textShift, textScale] = isLast ? [D, 0] : [0, D];
  const h = adaln(x, modulation, row, { epsilon, shiftColumn: 0, scaleColumn: D });
  const t = adaln(y, added, textRow, { epsilon, shiftColumn: textShift, scaleColumn: textScale });
  const attended = w.within('attn', (w) =>
    jointAttention(w, h, t, condition.joint, config, !isLast),
  );
  const gated = (gateColumn: number, residual: Tensor) => ({
    modulation,
    row,
    gateColumn,
    residual,
  });
  let image = linearLayer(w.at('attn.to_out.0'), attended.image, D, gated(2 * D, x));
  if (isDual && condition.imageOnly) {
    const alone = adaln(x, modulation, row, { epsilon, shiftColumn: 6 * D, scaleColumn: 7 * D });
    const a = selfAttention(w.at('attn2'), alone, condition.imageOnly, config);
    image = linearLayer(w.at('attn2.to_out.0'), a, D, gated(8 * D, image));
  }
  const f = adaln(image, modulation, row, { epsilon, shiftColumn: 3 * D, scaleColumn: 4 * D });
  image = feedForward(w.at('ff'), f, gated(5 * D, image));
  if (!attended.text) return { image };

  const textGated = (gateColumn: number, residual: Tensor) => ({
    modulation: added,
    row: textRow,
    gateColumn,
    residual,
  });
  const text = linearLayer(w.at('attn.to_add_out'), attended.text, D, textGated(2 * D, y));
  const ft = adaln(text, added, textRow, { epsilon, shiftColumn: 3 * D, scaleColumn: 4 * D });
  return { image, text: feedForward(w.at('ff_context'), ft, textGated(5 * D, text)) };

  function selfAttention(w: Weights, x: Tensor, segments: Tensor, config: Sd3Config): Tensor {
    const qkv = fusedLinear(w, x, ['to_q', 'to_k', 'to_v'], D); // [T, 3D]
    const q = headNorm(w.at('norm_q'), columns(qkv, 0, D), config);
    const k = headNorm(w.at('norm_k'), columns(qkv, D, D), config);
    const scale = 1 / Math.sqrt(D / heads);
    return attention(q, k, columns(qkv, 2 * D, D), segments, { heads, scale }); // [T, D]
  }
}

/** GELU tanh between two layers, `inner` wide, by default four times as wide as x. */
export function feedForward(
  w: Weights,
  x: Tensor,
  back: Parameters<typeof linearLayer>[3],
  inner = 4 * Number(x.shape[1]),
): Tensor {
  const D = Number(x.shape[1]);
  const up = linearLayer(w.at('net.0.proj'), x, inner, { activation: 'gelu_tanh' }); // [T, inner]
  return linearLayer(w.at('net.2'), up, D, back); // [T, D]
}
