import { adaln, add, concatColumns, type Tensor } from '@tubelet/graph';
import { linearLayer, type Weights } from './weights.js';

/** Of the last norm. */
const epsilon = 1e-6;

/**
 * The last norm, modulated by a projection of the condition, and the projection to patches: diffusers'
 * AdaLayerNormContinuous, `norm_out.linear` and `proj_out`.
 *
 * @param x [T, D]
 * @param c [R, D]
 * @param row i32 [T]
 * @returns [T, n]
 */
export function continuousHead(w: Weights, x: Tensor, c: Tensor, row: Tensor, n: number): Tensor {
  const D = Number(x.shape[1]);
  const modulation = linearLayer(w.at('norm_out.linear'), c, 2 * D); // [R, 2D]: scale, shift
  const h = adaln(x, modulation, row, { epsilon, shiftColumn: D, scaleColumn: 0 });
  return linearLayer(w.at('proj_out'), h, n); // [T, n]
}

/**
 * The last norm, modulated by the embedded condition and a table, and the projection to patches: PixArt's adaLN-single,
 * `scale_shift_table` and `proj_out`.
 *
 * @param x [T, D]
 * @param embedded [R, D]
 * @param row i32 [T]
 * @returns [T, n]
 */
export function tableHead(w: Weights, x: Tensor, embedded: Tensor, row: Tensor, n: number): Tensor {
  const D = Number(x.shape[1]);
  const table = w.get('scale_shift_table', [2 * D], { storedShape: [2, D] });
  const modulation = add(concatColumns(embedded, embedded), table); // [R, 2D]: shift, scale
  const h = adaln(x, modulation, row, { epsilon, shiftColumn: 0, scaleColumn: D });
  return linearLayer(w.at('proj_out'), h, n); // [T, n]
}
