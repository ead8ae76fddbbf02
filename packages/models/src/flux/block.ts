import { adaln, attention, columns, concatColumns, rotary, type Tensor } from '@tubelet/graph';
import { headNorm, type JointIndex, jointAttention } from '../joint-attention.js';
import { feedForward } from '../sd3/block.js';
import { fusedLinear, linearLayer, type Weights } from '../weights.js';

/** Of all norms. */
const epsilon = 1e-6;

/** What a block needs of a config: FLUX's own and HunyuanVideo's. */
export interface FluxBlockConfig {
  readonly hiddenSize: number;
  readonly heads: number;
  readonly headDim: number;
  /** Width of the feed-forward. */
  readonly ffnDim: number;
  /** RMS norm of queries and keys. */
  readonly qkNorm: boolean;
}

/** Cosines and sines of tokens' positions, each [tokens, headDim / 2]. */
export interface Turn {
  readonly cos: Tensor;
  readonly sin: Tensor;
}

/** What every block is given beside the tokens. */
export interface FluxCondition {
  /** [R, D], silu of timestep, guidance and pooled text. */
  readonly c: Tensor;
  /** i32 [T], [textTokens], [joint] */
  readonly row: Tensor;
  readonly textRow: Tensor;
  readonly jointRow: Tensor;
  readonly joint: JointIndex;
  /** i32 [S, 4], each segment's tokens attending themselves. */
  readonly jointSegments: Tensor;
  readonly imageTurn: Turn;
  readonly jointTurn: Turn;
}

function rotate(x: Tensor, { cos, sin }: Turn, { headDim }: FluxBlockConfig): Tensor {
  return rotary(x, cos, sin, { headDim, layout: 'interleaved' });
}

/** FluxTransformerBlock (diffusers 0.42.1): image [T, D] and text [textTokens, D] with weights of their own. */
export function doubleBlock(
  w: Weights,
  { image: x, text: y }: { readonly image: Tensor; readonly text: Tensor },
  condition: FluxCondition,
  config: FluxBlockConfig,
): { readonly image: Tensor; readonly text: Tensor } {
  const { hiddenSize: D, heads, ffnDim, qkNorm } = config;
  const { c, imageTurn } = condition;
  const stream = (norm: string, row: Tensor) => {
    const modulation = linearLayer(w.at(norm).at('linear'), c, 6 * D); // [R, 6D]: shift, scale, gate of attention, of feed-forward
    return {
      norm: (x: Tensor, first: number) =>
        adaln(x, modulation, row, {
          epsilon,
          shiftColumn: first * D,
          scaleColumn: (first + 1) * D,
        }),
      gated: (gate: number, residual: Tensor) => ({
        modulation,
        row,
        gateColumn: gate * D,
        residual,
      }),
    };
  };
  const [own, added] = [stream('norm1', condition.row), stream('norm1_context', condition.textRow)];
  const turn = (x: Tensor) => rotate(x, imageTurn, config);
  const options = { hiddenSize: D, heads, qkNorm, rotate: turn };
  const attended = w.within('attn', (w) =>
    jointAttention(w, own.norm(x, 0), added.norm(y, 0), condition.joint, options, true),
  );
  let image = linearLayer(w.at('attn.to_out.0'), attended.image, D, own.gated(2, x));
  image = feedForward(w.at('ff'), own.norm(image, 3), own.gated(5, image), ffnDim);
  let text = linearLayer(w.at('attn.to_add_out'), attended.text!, D, added.gated(2, y));
  text = feedForward(w.at('ff_context'), added.norm(text, 3), added.gated(5, text), ffnDim);
  return { image, text };
}

/**
 * FluxSingleTransformerBlock (diffusers 0.42.1): attention and feed-forward beside each other.
 *
 * @param x [joint, D]
 * @returns [joint, D]
 */
export function singleBlock(
  w: Weights,
  x: Tensor,
  condition: FluxCondition,
  config: FluxBlockConfig,
): Tensor {
  const { hiddenSize: D, heads, ffnDim, qkNorm } = config;
  const { c, jointRow: row, jointSegments, jointTurn } = condition;
  const options = { hiddenSize: D, heads, qkNorm };
  const modulation = linearLayer(w.at('norm.linear'), c, 3 * D); // [R, 3D]: shift, scale, gate
  const h = adaln(x, modulation, row, { epsilon, shiftColumn: 0, scaleColumn: D });
  const up = linearLayer(w.at('proj_mlp'), h, ffnDim, { activation: 'gelu_tanh' }); // [joint, ffnDim]
  const qkv = fusedLinear(w.at('attn'), h, ['to_q', 'to_k', 'to_v'], D); // [joint, 3D]
  const turned = (part: string, first: number) =>
    rotate(headNorm(w.at(`attn.${part}`), columns(qkv, first, D), options), jointTurn, config);
  const [q, k, v] = [turned('norm_q', 0), turned('norm_k', D), columns(qkv, 2 * D, D)];
  const a = attention(q, k, v, jointSegments, { heads, scale: 1 / Math.sqrt(D / heads) }); // [joint, D]
  const both = concatColumns(a, up); // [joint, D + ffnDim]
  const back = { modulation, row, gateColumn: 2 * D, residual: x };
  return linearLayer(w.at('proj_out'), both, D, back); // [joint, D]
}
