import { attention, columns, gather, rmsNorm, type Tensor } from '@tubelet/graph';
import { fusedLinear, type Weights } from './weights.js';

/** Which tokens attend which, where image and text attend together. */
export interface JointIndex {
  /** i32 [joint], for each key its place among all image tokens and, behind them, all text tokens. */
  readonly index: Tensor;
  /** i32 [segments, 4], an image's tokens attending the keys of its segment. */
  readonly imageSegments: Tensor;
  /** i32 [segments, 4] */
  readonly textSegments: Tensor;
}

export interface JointAttentionConfig {
  readonly hiddenSize: number;
  readonly heads: number;
  /** RMS norm of every query's and key's head. */
  readonly qkNorm: boolean;
  /** Of those norms; 1e-6 by default. */
  readonly epsilon?: number;
  /** Whether the projections have biases; they have. */
  readonly bias?: boolean;
  /** Turns image queries and keys by their positions; text has none. */
  readonly rotate?: (x: Tensor) => Tensor;
}

/** RMS norm of each head, one weight for all. */
export function headNorm(w: Weights, x: Tensor, config: JointAttentionConfig): Tensor {
  if (!config.qkNorm) return x;
  const { hiddenSize, heads, epsilon = 1e-6 } = config;
  const weight = w.get('weight', [hiddenSize / heads]);
  return rmsNorm(x, { weight, groups: heads, epsilon });
}

/**
 * Image and text with projections of their own in one attention (MMDiT, Esser et al. 2024), in diffusers' names.
 *
 * @param image [T, D]
 * @param text [textTokens, D], or of another width
 * @returns what each attended, before its output projection; text only where it `asks`
 */
export function jointAttention(
  w: Weights,
  image: Tensor,
  text: Tensor,
  joint: JointIndex,
  config: JointAttentionConfig,
  asks: boolean,
): { readonly image: Tensor; readonly text?: Tensor } {
  const { hiddenSize: D, heads, bias = true, rotate = (x) => x } = config;
  const options = { heads, scale: 1 / Math.sqrt(D / heads) };
  const own = fusedLinear(w, image, ['to_q', 'to_k', 'to_v'], D, { bias }); // [T, 3D]
  const names = asks ? ['add_q_proj', 'add_k_proj', 'add_v_proj'] : ['add_k_proj', 'add_v_proj'];
  const added = fusedLinear(w, text, names, D, { bias }); // [textTokens, 3D or 2D]
  const first = asks ? D : 0;
  const imageK = rotate(headNorm(w.at('norm_k'), columns(own, D, D), config));
  const textK = headNorm(w.at('norm_added_k'), columns(added, first, D), config);
  const k = gather(joint.index, imageK, textK); // [joint, D]
  const v = gather(joint.index, columns(own, 2 * D, D), columns(added, first + D, D)); // [joint, D]
  const q = rotate(headNorm(w.at('norm_q'), columns(own, 0, D), config));
  const attended = attention(q, k, v, joint.imageSegments, options); // [T, D]
  if (!asks) return { image: attended };
  const textQ = headNorm(w.at('norm_added_q'), columns(added, 0, D), config);
  return { image: attended, text: attention(textQ, k, v, joint.textSegments, options) };
}
