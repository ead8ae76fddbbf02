import { attention, columns, type Tensor } from '@tubelet/graph';
import { linearLayer, type Weights } from './weights.js';

/**
 * Two linear layers with SiLU between, `linear_1` and `linear_2`: diffusers' TimestepEmbedding, and PixArtAlphaTextProjection
 * of pooled text.
 *
 * @param x [R, K]
 * @returns [R, n]
 */
export function embedder(w: Weights, x: Tensor, n: number): Tensor {
  const h = linearLayer(w.at('linear_1'), x, n, { activation: 'silu' });
  return linearLayer(w.at('linear_2'), h, n); // [R, n]
}

/**
 * The mean of each segment's rows, 0 where it has none: attention whose scores are all 0.
 *
 * @param x [T, K]
 * @param segments i32 [S, 4]: query s is segment s, its keys are the rows
 * @param queries [S, 1], any finite numbers
 * @returns [S, K]
 */
export function segmentMean(x: Tensor, segments: Tensor, queries: Tensor): Tensor {
  return attention(queries, columns(x, 0, 1), x, segments, { heads: 1, scale: 0 });
}
