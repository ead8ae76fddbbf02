import {
  activation,
  adaln,
  clamp,
  columns,
  concatColumns,
  gatedResidual,
  linear,
  multiply,
  rmsNorm,
  rotary,
  type Tensor,
} from '@tubelet/graph';
import { type JointIndex, jointAttention } from '../joint-attention.js';
import { linearLayer, type Weights } from '../weights.js';
import type { MochiConfig } from './config.js';

/** Of all norms but those of queries and keys. */
const epsilon = 1e-6;

/** What every block is given beside the tokens. */
export interface MochiCondition {
  /** [S, D], silu of timestep and pooled text. */
  readonly c: Tensor;
  /** i32 [T] */
  readonly row: Tensor;
  /** i32 [textTokens] */
  readonly textRow: Tensor;
  readonly joint: JointIndex;
  /** [T, D / 2]: every head has frequencies of its own. */
  readonly cos: Tensor;
  readonly sin: Tensor;
}

export interface MochiStreams {
  /** [T, D] */
  readonly video: Tensor;
  /** [textTokens, textHiddenSize]; the last block has no use for it. */
  readonly text?: Tensor;
}

/** Columns of a stream's modulation, in widths. */
const [shift, scale, gate, ffnScale, ffnGate] = [0, 1, 2, 3, 4];

/**
 * A stream's modulation. The original has scales and gates, the gates under tanh; a shift of zeros is put in front.
 *
 * @returns [S, 5·n]: shift, scale and gate of attention, scale and gate of the feed-forward
 */
function modulationOf(w: Weights, c: Tensor, n: number): Tensor {
  const m = linearLayer(w.at('linear'), c, 4 * n); // [S, 4n]
  const part = (i: number) => columns(m, i * n, n);
  const tanh = (i: number) => activation(part(i), 'tanh');
  return concatColumns(zerosLike(part(0)), part(0), tanh(1), part(2), tanh(3));
}

function zerosLike(x: Tensor): Tensor {
  return clamp(x, { min: 0, max: 0 });
}

/** Norm, modulation and gated residual of one stream of a block. */
function streamOf(modulation: Tensor, row: Tensor, n: number) {
  return {
    norm: (x: Tensor, column: number) =>
      adaln(x, modulation, row, {
        norm: 'rms',
        epsilon,
        shiftColumn: shift * n,
        scaleColumn: column * n,
      }),
    /** x + gate · norm(y) */
    back: (x: Tensor, y: Tensor, column: number) =>
      gatedResidual(x, rmsNorm(y, { epsilon }), modulation, row, { gateColumn: column * n }),
  };
}

/**
 * MochiTransformerBlock (diffusers 0.42.1): video and text, of another width, have weights of their own and attend together.
 * What comes back from attention and feed-forward is normed before its gate. The last block only reads the text.
 */
export function mochiBlock(
  w: Weights,
  { video: x, text: y }: Required<MochiStreams>,
  condition: MochiCondition,
  config: MochiConfig,
  isLast: boolean,
): MochiStreams {
  const { hiddenSize: D, heads, textHiddenSize: P } = config;
  const { c, cos, sin } = condition;
  const own = streamOf(modulationOf(w.at('norm1'), c, D), condition.row, D);
  const context = w.at('norm1_context');
  const added = streamOf(
    isLast ? lastModulation(context, c, P) : modulationOf(context, c, P),
    condition.textRow,
    P,
  );
  const options = {
    hiddenSize: D,
    heads,
    qkNorm: true,
    epsilon: 1e-5,
    bias: false,
    // One head as wide as all of them.
    rotate: (x: Tensor) => rotary(x, cos, sin, { headDim: D, layout: 'interleaved' }),
  };
  const attended = w.within('attn1', (w) =>
    jointAttention(w, own.norm(x, scale), added.norm(y, scale), condition.joint, options, !isLast),
  );
  let video = own.back(x, linearLayer(w.at('attn1.to_out.0'), attended.image, D), gate);
  video = own.back(video, feedForward(w.at('ff'), own.norm(video, ffnScale)), ffnGate);
  if (!attended.text) return { video };
  let text = added.back(y, linearLayer(w.at('attn1.to_add_out'), attended.text, P), gate);
  text = added.back(text, feedForward(w.at('ff_context'), added.norm(text, ffnScale)), ffnGate);
  return { video, text };
}

/** The last block's text has a scale only: [S, 2n]. */
function lastModulation(w: Weights, c: Tensor, n: number): Tensor {
  const m = linearLayer(w.at('linear_1'), c, n); // [S, n]
  return concatColumns(zerosLike(m), m);
}

/** SwiGLU without biases, 8/3 as wide as x; the stored first layer has values, then gates. */
function feedForward(w: Weights, x: Tensor): Tensor {
  const n = Number(x.shape[1]);
  const inner = Math.floor((8 * n) / 3);
  const proj = w.at('net.0.proj');
  const half = (part: string, first: number) =>
    proj.get(`weight.${part}`, [inner, n], {
      sources: [
        { names: proj.names('weight'), shape: [2 * inner, n], rows: [first, first + inner] },
      ],
    });
  const gates = linear(x, half('gates', inner), { activation: 'silu' }); // [T, inner]
  const h = multiply(linear(x, half('values', 0)), gates); // [T, inner]
  return linearLayer(w.at('net.2'), h, n, { bias: false }); // [T, n]
}
