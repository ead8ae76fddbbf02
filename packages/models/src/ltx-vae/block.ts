import {
  activation,
  add,
  concat,
  concatColumns,
  convolution,
  depthToSpace,
  layerNorm,
  linear,
  reshape,
  rmsNorm,
  slice,
  spaceToDepth,
  type Tensor,
  upsample,
} from '@tubelet/graph';
import { pointwise } from '../vae/block.js';
import type { Weights } from '../weights.js';
import { cellsOf, type LtxDownsample } from './config.js';

/** Of the norms without weights. */
const epsilon = 1e-8;

type Clip = readonly [frames: number, height: number, width: number, channels: number];

function sizeOf(x: Tensor): Clip {
  return x.shape.map(Number) as unknown as Clip;
}

function frameOf(x: Tensor, frame: number): Tensor {
  return slice(x, { axis: 0, start: frame, end: frame + 1 });
}

/**
 * A 3x3x3 convolution that keeps the size, or halves it. The first frame is repeated twice before the clip if it is `causal`, else
 * the first once before and the last once behind it.
 */
export function convolution3d(
  w: Weights,
  x: Tensor,
  out: number,
  causal: boolean,
  { stride = 1, residual }: { readonly stride?: 1 | 2; readonly residual?: Tensor } = {},
): Tensor {
  const [frames, , , c] = sizeOf(x);
  const first = frameOf(x, 0);
  const options = {
    bias: w.get('conv.bias', [out]),
    strideT: stride,
    strideH: stride,
    strideW: stride,
    padTop: 1,
    padBottom: 1,
    padLeft: 1,
    padRight: 1,
    residual,
  };
  const weight = w.get('conv.weight', [out, c, 3, 3, 3]);
  if (causal)
    return convolution(x, weight, { ...options, padFront: 2, cache: concat(first, first) });
  return convolution(concat(first, x, frameOf(x, frames - 1)), weight, options);
}

/** What a norm's result is multiplied with, and what is added then, [C] each. */
export interface Modulation {
  readonly shift: Tensor;
  readonly gain: Tensor;
}

/**
 * The rows of a table added to an embedded timestep, in pairs of shift and scale; a gain is 1 + scale.
 *
 * @param embedded [1, 2·pairs·C]
 */
export function modulations(w: Weights, embedded: Tensor, pairs: number, c: number): Modulation[] {
  const shape = [2 * pairs, c];
  const oneToScales = Float32Array.from({ length: 2 * pairs * c }, (_, i) => Math.floor(i / c) % 2);
  const told = add(reshape(embedded, shape), w.get('scale_shift_table', shape));
  const rows = add(told, w.g.constant(w.name('one_to_scales'), oneToScales, shape));
  const row = (i: number) => reshape(frameOf(rows, i), [c]);
  return Array.from({ length: pairs }, (_, i) => ({ shift: row(2 * i), gain: row(2 * i + 1) }));
}

/** RMS norm over the channels without weights, modulated where a timestep is told, and silu: [F, H, W, C] -> same */
export function normSilu(x: Tensor, modulation?: Modulation): Tensor {
  if (!modulation) return rmsNorm(x, { epsilon, activation: 'silu' });
  const normed = rmsNorm(x, { weight: modulation.gain, epsilon });
  return activation(add(normed, modulation.shift), 'silu');
}

/** What resnets are given beside the clip. */
export interface LtxResnetOptions {
  readonly causal: boolean;
  /** Of the norm before the shortcut. */
  readonly epsilon: number;
  /** [1, 4C], where a timestep is told. */
  readonly embedded?: Tensor | undefined;
  /** Noise of a frame's size, [H, W], for each of its convolutions; they take another at every call. */
  readonly noise?: ((height: number, width: number) => Tensor) | undefined;
}

/** LTXVideoResnetBlock3d: [F, H, W, C] -> [F, H, W, out] */
export function resnet(w: Weights, x: Tensor, out: number, options: LtxResnetOptions): Tensor {
  const { causal, embedded } = options;
  const c = sizeOf(x)[3];
  const [first, second] = embedded ? modulations(w, embedded, 2, c) : [];
  const noisy = (name: string, x: Tensor) =>
    options.noise ? addNoise(w, name, x, options.noise) : x;
  const n = normSilu(x, first);
  const h = noisy('per_channel_scale1', convolution3d(w.at('conv1'), n, out, causal)); // [F, H, W, out]
  const m = normSilu(h, second);
  const residual = c === out ? x : shortcut(w, x, out, options.epsilon);
  return noisy('per_channel_scale2', convolution3d(w.at('conv2'), m, out, causal, { residual }));
}

function shortcut(w: Weights, x: Tensor, out: number, epsilon: number): Tensor {
  const [f, h, width, c] = sizeOf(x);
  const norm = w.at('norm3');
  const affine = { weight: norm.get('weight', [c]), bias: norm.get('bias', [c]) };
  const n = layerNorm(reshape(x, [f * h * width, c]), { ...affine, epsilon });
  return pointwise(w.at('conv_shortcut.conv'), reshape(n, x.shape), out);
}

/** The same noise in all frames, scaled for every channel. */
function addNoise(
  w: Weights,
  name: string,
  x: Tensor,
  noise: (height: number, width: number) => Tensor,
): Tensor {
  const [f, h, width, c] = sizeOf(x);
  const scale = w.get(name, [c, 1], { storedShape: [c, 1, 1] });
  const frame = linear(reshape(noise(h, width), [h * width, 1]), scale); // [H·W, C]
  return add(x, upsample(reshape(frame, [1, h, width, c]), { factorT: f }));
}

/** LTXVideoDownsampler3d: cells into channels, beside their means: [F, H, W, C] -> [(F + t - 1) / t, H / h, W / w, out] */
export function shuffleDown(
  w: Weights,
  x: Tensor,
  out: number,
  downsample: LtxDownsample,
  causal: boolean,
): Tensor {
  const [t, h, width] = cellsOf(downsample);
  const cells = t * h * width;
  const padded = t === 1 ? x : concat(frameOf(x, 0), x);
  const c = sizeOf(x)[3];
  const shuffle = {
    factorT: t,
    factorH: h,
    factorW: width,
    channelStride: cells,
    strideT: h * width,
    strideH: width,
    strideW: 1,
  };
  const y = convolution3d(w.at('conv'), padded, out / cells, causal);
  return add(
    spaceToDepth(y, shuffle),
    spaceToDepth(padded, { ...shuffle, group: (c * cells) / out }),
  );
}

/**
 * LTXVideoUpsampler3d: channels into cells of 2x2x2, without the first frame: [F, H, W, C] -> [2F - 1, 2H, 2W, C / factor]. The
 * residual repeats x over the channels before they are spread.
 */
export function shuffleUp(
  w: Weights,
  x: Tensor,
  { factor, residual, causal }: { factor: number; residual: boolean; causal: boolean },
): Tensor {
  const [frames, , , c] = sizeOf(x);
  const copies = 8 / factor;
  const y = convolution3d(w.at('conv'), x, c * copies, causal, {
    ...(residual ? { residual: concatColumns(...Array<Tensor>(copies).fill(x)) } : {}),
  }); // [F, H, W, 8C / factor]
  const opened = depthToSpace(y, {
    factorT: 2,
    factorH: 2,
    factorW: 2,
    channels: c / factor,
    channelStride: 8,
    strideT: 4,
    strideH: 2,
    strideW: 1,
  });
  return slice(opened, { axis: 0, start: 1, end: 2 * frames });
}
