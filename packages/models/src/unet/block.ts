import { convolution, gather, reshape, type Tensor } from '@tubelet/graph';
import { convolution2d, pointwise } from '../kl-vae/block.js';
import { linearLayer, type Weights } from '../weights.js';
import { spatialAttention, temporalAttention } from './attention.js';
import type { UnetConfig, UnetLayer } from './config.js';
import { nearestPlaces } from './grid.js';
import { normGroups, type UnetRun } from './run.js';

/** Of the norms of temporal convolutions. */
const convolutionEpsilon = 1e-5;

/** ResnetBlock2D: [N, H, W, C] -> [N, H, W, out] */
function resnet(w: Weights, x: Tensor, out: number, run: UnetRun): Tensor {
  const { config, time } = run;
  const grid = run.grid(x);
  const norm = { epsilon: config.epsilon, activation: 'silu' } as const;
  const projected = linearLayer(w.at('time_emb_proj'), time, out); // [clips, out]
  const shape = [...x.shape.slice(0, 3), out];
  const shift = reshape(gather(grid.row(), projected), shape); // [N, H, W, out]
  const first = normGroups(w.at('norm1'), x, config, norm);
  const h = convolution2d(w.at('conv1'), first, out, 3, { residual: shift });
  const residual = Number(x.shape[3]) === out ? x : pointwise(w.at('conv_shortcut'), x, out);
  const second = normGroups(w.at('norm2'), h, config, norm);
  return convolution2d(w.at('conv2'), second, out, 3, { residual });
}

/** TemporalConvLayer, each clip's frames: [N, H, W, C] -> same */
function temporalConvolutions(w: Weights, x: Tensor, run: UnetRun): Tensor {
  const { clips, frames, height, width } = run.grid(x);
  const c = Number(x.shape[3]);
  // Time as the height of a picture, which a convolution pads on both sides.
  const frame = reshape(x, [clips, frames, height * width, c]);
  const norm = { epsilon: convolutionEpsilon, activation: 'silu' } as const;
  let h = frame;
  for (const [i, last] of [2, 3, 3, 3].entries()) {
    const at = w.at(`conv${i + 1}`);
    const normed = normGroups(at.at('0'), h, run.config, norm);
    const weight = at.get(`${last}.weight`, [c, c, 1, 3, 1], { storedShape: [c, c, 3, 1, 1] });
    const bias = at.get(`${last}.bias`, [c]);
    const residual = i === 3 ? frame : undefined;
    h = convolution(normed, weight, { bias, residual, padTop: 1, padBottom: 1 });
  }
  return reshape(h, x.shape);
}

/** What follows a resnet: `attentions.0`, and over frames `temp_attentions.0` or `motion_modules.0`. */
export function attentions(
  w: Weights,
  x: Tensor,
  { spatial, temporal }: UnetLayer,
  index: number,
  run: UnetRun,
): Tensor {
  if (spatial) x = w.within(`attentions.${index}`, (w) => spatialAttention(w, x, spatial, run));
  const part = run.config.motionFrames === null ? 'temp_attentions' : 'motion_modules';
  if (temporal) x = w.within(`${part}.${index}`, (w) => temporalAttention(w, x, temporal, run));
  return x;
}

/** `resnets.0` with its temporal convolutions, where the model has them: [N, H, W, C] -> [N, H, W, out] */
export function resnetOf(w: Weights, x: Tensor, out: number, index: number, run: UnetRun): Tensor {
  x = w.within(`resnets.${index}`, (w) => resnet(w, x, out, run));
  if (run.config.videoHeadDim === null) return x;
  return w.within(`temp_convs.${index}`, (w) => temporalConvolutions(w, x, run));
}

/** [N, H, W, C] -> [N, H/2, W/2, C], rounded up where it pads on all sides */
export function halved(w: Weights, x: Tensor, { padsAround }: UnetConfig): Tensor {
  const stride = { strideH: 2, strideW: 2 };
  const before = padsAround ? {} : { padTop: 0, padLeft: 0 };
  return convolution2d(w, x, Number(x.shape[3]), 3, { ...stride, ...before });
}

/** To the size of the pictures that are joined next: [N, H, W, C] -> [N, H', W', C] */
export function enlarged(w: Weights, x: Tensor, like: Tensor): Tensor {
  const [n, height, width, c] = x.shape.map(Number) as [number, number, number, number];
  const [, toHeight, toWidth] = like.shape.map(Number) as [number, number, number];
  if (toHeight === 2 * height && toWidth === 2 * width)
    return convolution2d(w, x, c, 3, { upsample: 2 });
  const places = nearestPlaces(n, [height, width], [toHeight, toWidth]);
  const index = w.g.constant(w.name('nearest'), places);
  const nearest = gather(index, reshape(x, [n * height * width, c]));
  return convolution2d(w, reshape(nearest, [n, toHeight, toWidth, c]), c, 3);
}
