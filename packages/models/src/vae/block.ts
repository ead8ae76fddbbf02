import {
  attention,
  type ConvolutionOptions,
  columns,
  convolution,
  depthToSpace,
  linear,
  reshape,
  rmsNorm,
  slice,
  spaceToDepth,
  type Tensor,
} from '@tubelet/graph';
import type { Weights } from '../weights.js';
import type { FeatureCache } from './cache.js';

type Kernel = readonly [t: number, h: number, w: number];

function channels(x: Tensor): number {
  return Number(x.shape[3]);
}

function convolutionLayer(
  w: Weights,
  x: Tensor,
  out: number,
  [t, h, width]: Kernel,
  options: ConvolutionOptions & { readonly flat?: boolean },
): Tensor {
  const { flat = false, ...rest } = options;
  const ci = channels(x);
  const weight = w.get(
    'weight',
    [out, ci, t, h, width],
    flat ? { storedShape: [out, ci, h, width] } : {},
  );
  return convolution(x, weight, { ...rest, bias: w.get('bias', [out]) });
}

/** A causal 3x3x3 convolution that keeps the size. */
export function causalConvolution(
  w: Weights,
  x: Tensor,
  out: number,
  cache: FeatureCache,
  residual?: Tensor,
): Tensor {
  const around = { padTop: 1, padBottom: 1, padLeft: 1, padRight: 1 };
  return convolutionLayer(w, x, out, [3, 3, 3], {
    padFront: 2,
    ...around,
    cache: cache.causal(x),
    residual,
  });
}

/**
 * A 1x1x1 convolution, which is a linear layer.
 *
 * @param x [F, H, W, C]
 * @param ones how many sizes of 1 end the stored weight's shape
 * @returns [F, H, W, out]
 */
export function pointwise(w: Weights, x: Tensor, out: number, ones = 3, residual?: Tensor): Tensor {
  const [f, h, width, c] = x.shape.map(Number) as [number, number, number, number];
  const rows = f * h * width;
  const weight = w.get('weight', [out, c], {
    storedShape: [out, c, ...Array<number>(ones).fill(1)],
  });
  const y = linear(reshape(x, [rows, c]), weight, {
    bias: w.get('bias', [out]),
    ...(residual ? { residual: reshape(residual, [rows, out]) } : {}),
  });
  return reshape(y, [f, h, width, out]);
}

/** x / max(‖x‖, 1e-12)·√C·gamma over the channels. */
function norm(w: Weights, x: Tensor, ones: number, activation: 'none' | 'silu'): Tensor {
  const c = channels(x);
  const weight = w.get('gamma', [c], { storedShape: [c, ...Array<number>(ones).fill(1)] });
  return rmsNorm(x, { weight, form: 'l2', epsilon: 1e-12, activation });
}

export function normSilu(w: Weights, x: Tensor): Tensor {
  return norm(w, x, 3, 'silu');
}

/** WanResidualBlock: [F, H, W, C] -> [F, H, W, out] */
export function residualBlock(w: Weights, x: Tensor, out: number, cache: FeatureCache): Tensor {
  const shortcut = channels(x) === out ? x : pointwise(w.at('conv_shortcut'), x, out); // [F, H, W, out]
  const h = causalConvolution(w.at('conv1'), normSilu(w.at('norm1'), x), out, cache); // [F, H, W, out]
  return causalConvolution(w.at('conv2'), normSilu(w.at('norm2'), h), out, cache, shortcut);
}

/** WanAttentionBlock: one head, every frame for itself. [F, H, W, C] -> same */
function attentionBlock(w: Weights, x: Tensor): Tensor {
  const [f, h, width, c] = x.shape.map(Number) as [number, number, number, number];
  const frame = h * width;
  const segments = Int32Array.from(
    { length: 4 * f },
    (_, i) => (Math.floor(i / 4) + (i % 2)) * frame,
  );
  const qkv = reshape(pointwise(w.at('to_qkv'), norm(w.at('norm'), x, 2, 'none'), 3 * c, 2), [
    f * frame,
    3 * c,
  ]);
  const [q, k, v] = [columns(qkv, 0, c), columns(qkv, c, c), columns(qkv, 2 * c, c)];
  const table = w.g.constant(w.name('segments'), segments, [f, 4]);
  const y = attention(q, k, v, table, { heads: 1, scale: 1 / Math.sqrt(c) }); // [F·H·W, C]
  return pointwise(w.at('proj'), reshape(y, [f, h, width, c]), c, 2, x);
}

/** WanMidBlock: a residual block on each side of attention. [F, H, W, C] -> same */
export function midBlock(w: Weights, x: Tensor, cache: FeatureCache): Tensor {
  const c = channels(x);
  const h = w.within('resnets.0', (w) => residualBlock(w, x, c, cache));
  const a = w.within('attentions.0', (w) => attentionBlock(w, h));
  return w.within('resnets.1', (w) => residualBlock(w, a, c, cache));
}

/** Halves height and width, then time if `temporal`: [F, H, W, C] -> [F', H/2, W/2, C]. The first chunk keeps its one frame. */
export function downsample(w: Weights, x: Tensor, temporal: boolean, cache: FeatureCache): Tensor {
  const c = channels(x);
  const h = convolutionLayer(w.at('resample.1'), x, c, [1, 3, 3], {
    flat: true,
    strideH: 2,
    strideW: 2,
    padBottom: 1,
    padRight: 1,
  });
  if (!temporal) return h;
  const before = cache.downsampling(h);
  if (!before) return h;
  return convolutionLayer(w.at('time_conv'), h, c, [3, 1, 1], {
    strideT: 2,
    padFront: 1,
    cache: before,
  });
}

/** Doubles time if `temporal`, then height and width: [F, H, W, C] -> [F', 2H, 2W, out]. The first chunk keeps its one frame. */
export function upsample(
  w: Weights,
  x: Tensor,
  out: number,
  temporal: boolean,
  cache: FeatureCache,
  residual?: Tensor,
): Tensor {
  const c = channels(x);
  const before = temporal ? cache.upsampling(x) : undefined;
  const h = before ? doubleTime(w.at('time_conv'), x, c, before) : x;
  const around = { padTop: 1, padBottom: 1, padLeft: 1, padRight: 1 };
  return convolutionLayer(w.at('resample.1'), h, out, [1, 3, 3], {
    flat: true,
    upsample: 2,
    ...around,
    residual,
  });
}

/** The convolution gives the channels of the first and of the second frame side by side. */
function doubleTime(w: Weights, x: Tensor, c: number, before: Tensor): Tensor {
  const pairs = convolutionLayer(w, x, 2 * c, [3, 1, 1], { padFront: 2, cache: before }); // [F, H, W, 2C]
  return depthToSpace(pairs, { factorT: 2, channels: c, strideT: c }); // [2F, H, W, C]
}

/** AvgDown3D, the 2.2 shortcut: the mean of groups of channels over (channel, t, h, w) of each cell. */
export function averageDown(x: Tensor, out: number, factorT: number, factorS: number): Tensor {
  const frames = Number(x.shape[0]);
  const factor = factorT * factorS * factorS;
  return spaceToDepth(x, {
    factorT,
    factorH: factorS,
    factorW: factorS,
    padFront: (factorT - (frames % factorT)) % factorT,
    group: (channels(x) * factor) / out,
    channelStride: factor,
    strideT: factorS * factorS,
    strideH: factorS,
    strideW: 1,
  });
}

/** DupUp3D, the 2.2 shortcut: repeated channels spread over (t, h, w); the first chunk drops the frames before its own. */
export function repeatUp(x: Tensor, out: number, factorT: number, cache: FeatureCache): Tensor {
  const factor = 4 * factorT;
  const y = depthToSpace(x, {
    factorT,
    factorH: 2,
    factorW: 2,
    channels: out,
    repeats: (out * factor) / channels(x),
    channelStride: factor,
    strideT: 4,
    strideH: 2,
    strideW: 1,
  });
  if (cache.chunk === 'steady') return y;
  return slice(y, { axis: 0, start: factorT - 1, end: Number(y.shape[0]) });
}

/** A picture's patches in channels (channel, column, row): [F, H, W, C] -> [F, H/p, W/p, C·p²] */
export function patchFrames(x: Tensor, p: number): Tensor {
  if (p === 1) return x;
  return spaceToDepth(x, { factorH: p, factorW: p, channelStride: p * p, strideH: 1, strideW: p });
}

/** The inverse of {@link patchFrames}. */
export function unpatchFrames(x: Tensor, p: number): Tensor {
  if (p === 1) return x;
  return depthToSpace(x, {
    factorH: p,
    factorW: p,
    channels: channels(x) / (p * p),
    channelStride: p * p,
    strideH: 1,
    strideW: p,
  });
}
