import {
  activation,
  add,
  columns,
  concat,
  convolution,
  groupNorm,
  multiply,
  reshape,
  slice,
  spaceToDepth,
  type Tensor,
  upsample,
} from '@tubelet/graph';
import { convolution2d } from '../kl-vae/block.js';
import { pointwise } from '../vae/block.js';
import { fusedLinear, type Weights } from '../weights.js';
import type { FrameCache } from './cache.js';
import type { CogvideoxVaeConfig } from './config.js';

/** Of all norms but those of the encoder's resnets. */
export const epsilon = 1e-6;

/** A norm with silu behind it: [F, H, W, C] -> same */
export type NormSilu = (w: Weights, x: Tensor) => Tensor;

type Clip = readonly [frames: number, height: number, width: number, channels: number];

function sizeOf(x: Tensor): Clip {
  return x.shape.map(Number) as unknown as Clip;
}

/** A causal 3x3x3 convolution that keeps the size: [F, H, W, C] -> [F, H, W, out] */
export function causalConvolution(
  w: Weights,
  x: Tensor,
  out: number,
  cache: FrameCache,
  residual?: Tensor,
): Tensor {
  const weight = w.get('conv.weight', [out, sizeOf(x)[3], 3, 3, 3]);
  const around = { padTop: 1, padBottom: 1, padLeft: 1, padRight: 1 };
  const before = cache.before(x);
  const bias = w.get('conv.bias', [out]);
  return convolution(x, weight, { bias, padFront: 2, ...around, cache: before, residual });
}

/** CogVideoXResnetBlock3D: [F, H, W, C] -> [F, H, W, out] */
export function resnet(
  w: Weights,
  x: Tensor,
  out: number,
  cache: FrameCache,
  norm: NormSilu,
): Tensor {
  const h = causalConvolution(w.at('conv1'), norm(w.at('norm1'), x), out, cache); // [F, H, W, out]
  const n = norm(w.at('norm2'), h);
  const shortcut = sizeOf(x)[3] === out ? x : pointwise(w.at('conv_shortcut'), x, out);
  return causalConvolution(w.at('conv2'), n, out, cache, shortcut);
}

/** Group norm over all frames of the chunk together: [F, H, W, C] -> same */
export function clipNorm(
  w: Weights,
  x: Tensor,
  groups: number,
  epsilon: number,
  activation: 'none' | 'silu',
): Tensor {
  const [f, h, width, c] = sizeOf(x);
  const options = {
    groups,
    epsilon,
    activation,
    weight: w.get('weight', [c]),
    bias: w.get('bias', [c]),
  };
  return reshape(groupNorm(reshape(x, [1, f * h, width, c]), options), x.shape);
}

/**
 * CogVideoXSpatialNorm3D and silu: a group norm whose scale and shift come from the latents of the same place. Pointwise
 * convolutions do not care whether the latents are enlarged before or after them.
 *
 * @param latents [f, h, w, z] of the chunk
 */
export function spatialNorm(latents: Tensor, { normGroups }: CogvideoxVaeConfig): NormSilu {
  return (w, x) => {
    const [f, height, width, c] = sizeOf(x);
    const stretched = stretchTime(latents, f);
    const [, h, wide, z] = sizeOf(stretched);
    const rows = reshape(stretched, [f * h * wide, z]);
    const both = fusedLinear(w, rows, ['conv_y.conv', 'conv_b.conv'], c, {
      storedShape: [c, z, 1, 1, 1],
    }); // [f·h·w, 2C]
    const small = reshape(both, [f, h, wide, 2 * c]);
    const enlarged = (start: number) => {
      const part = columns(small, start, c);
      if (height === h) return part;
      return upsample(part, { factorH: height / h, factorW: width / wide }); // [F, H, W, C]
    };
    const n = clipNorm(w.at('norm_layer'), x, normGroups, epsilon, 'none');
    return activation(add(multiply(n, enlarged(0)), enlarged(c)), 'silu');
  };
}

/** Frames repeated until there are `frames`; the first of an odd number stays alone. */
function stretchTime(x: Tensor, frames: number): Tensor {
  const given = sizeOf(x)[0];
  if (given === frames) return x;
  if (frames % 2 === 0) return upsample(x, { factorT: frames / given });
  const rest = slice(x, { axis: 0, start: 1, end: given });
  const factorT = (frames - 1) / (given - 1);
  return concat(slice(x, { axis: 0, start: 0, end: 1 }), upsample(rest, { factorT }));
}

/** Halves time if `temporal`, by means of pairs of frames, the first of an odd number staying alone; then height and width. */
export function downsample(w: Weights, x: Tensor, temporal: boolean): Tensor {
  const h = temporal ? halveTime(x) : x; // [F', H, W, C]
  const half = { strideH: 2, strideW: 2, padTop: 0, padLeft: 0 };
  return convolution2d(w.at('conv'), h, sizeOf(x)[3], 3, half); // [F', H/2, W/2, C]
}

function halveTime(x: Tensor): Tensor {
  const frames = sizeOf(x)[0];
  const means = (x: Tensor) =>
    spaceToDepth(x, { factorT: 2, group: 2, channelStride: 2, strideT: 1 });
  if (frames === 1) return x;
  if (frames % 2 === 0) return means(x);
  const rest = slice(x, { axis: 0, start: 1, end: frames });
  return concat(slice(x, { axis: 0, start: 0, end: 1 }), means(rest));
}

/**
 * Doubles height and width, and time if `temporal`, the first of an odd number of frames staying alone. Equal frames stay equal in a
 * convolution within frames, so that it comes before they are repeated.
 */
export function enlarge(w: Weights, x: Tensor, temporal: boolean): Tensor {
  const [frames, , , c] = sizeOf(x);
  const h = convolution2d(w.at('conv'), x, c, 3, { upsample: 2 }); // [F, 2H, 2W, C]
  if (!temporal || frames === 1) return h;
  return stretchTime(h, frames % 2 === 0 ? 2 * frames : 2 * frames - 1); // [F', 2H, 2W, C]
}
