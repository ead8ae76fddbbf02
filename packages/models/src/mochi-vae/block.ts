import {
  activation,
  add,
  attention,
  columns,
  concat,
  convolution,
  depthToSpace,
  gather,
  groupNorm,
  reshape,
  rmsNorm,
  slice,
  type Tensor,
} from '@tubelet/graph';
import type { FrameCache } from '../cogvideox-vae/cache.js';
import { padded, placesOf, type sharedIndices } from '../edges.js';
import { fusedLinear, linearLayer, type Weights } from '../weights.js';
import { normGroups } from './config.js';

/** Of all norms. */
const epsilon = 1e-5;
const headDim = 32;

type ClipShape = [frames: number, height: number, width: number, channels: number];

export function clipShape(x: Tensor): ClipShape {
  return x.shape.map(Number) as ClipShape;
}

/** What the layers of one graph share. */
export interface VaeLayers {
  /** The frames before x that its convolutions see. */
  readonly cache: FrameCache;
  readonly shared: ReturnType<typeof sharedIndices>;
}

/** A linear layer of every pixel: [F, H, W, C] -> [F, H, W, out] */
export function pixelLinear(
  w: Weights,
  x: Tensor,
  out: number,
  options: Parameters<typeof linearLayer>[3] = {},
): Tensor {
  const [f, h, width, c] = clipShape(x);
  const y = linearLayer(w, reshape(x, [f * h * width, c]), out, options);
  return reshape(y, [f, h, width, out]);
}

/** Group norm of every frame for itself. */
export function frameNorm(w: Weights, x: Tensor, activation: 'none' | 'silu'): Tensor {
  const c = clipShape(x)[3];
  const at = w.at('norm_layer');
  const [weight, bias] = [at.get('weight', [c]), at.get('bias', [c])];
  return groupNorm(x, { groups: normGroups, epsilon, weight, bias, activation });
}

/** A causal 3x3x3 convolution whose edge pixels are repeated: [F, H, W, C] -> same */
function causalConvolution(w: Weights, x: Tensor, layers: VaeLayers, residual?: Tensor): Tensor {
  const [f, h, width, c] = clipShape(x);
  const before = layers.cache.before(x); // [2, H, W, C]
  const [rows, columns] = [padded(h, 1, 1), padded(width, 1, 1)];
  const index = layers.shared(`edges.${f}x${h}x${width}`, () =>
    placesOf([...Array(2 + f).keys()], rows, columns, h, width),
  );
  const flat = (x: Tensor) => reshape(x, [clipShape(x)[0] * h * width, c]);
  const around = gather(index, flat(before), flat(x));
  const weight = w.get('conv.weight', [c, c, 3, 3, 3]);
  const bias = w.get('conv.bias', [c]);
  return convolution(reshape(around, [2 + f, 2 + h, 2 + width, c]), weight, { bias, residual });
}

/** MochiResnetBlock3D (diffusers 0.42.1): [F, H, W, C] -> same */
function resnet(w: Weights, x: Tensor, layers: VaeLayers): Tensor {
  const h = causalConvolution(w.at('conv1'), frameNorm(w.at('norm1'), x, 'silu'), layers);
  return causalConvolution(w.at('conv2'), frameNorm(w.at('norm2'), h, 'silu'), layers, x);
}

/** Every place attends itself in its own and the earlier frames, x + attention(norm(x)): [F, H, W, C] -> same */
function timeAttention(w: Weights, norm: Weights, x: Tensor, { shared }: VaeLayers): Tensor {
  const [frames, height, width, c] = clipShape(x);
  const places = height * width;
  const count = frames * places;
  const heads = c / headDim;
  const index = (name: string, of: (i: number) => number) =>
    shared(`${name}.${frames}x${places}`, () =>
      Int32Array.from({ length: count }, (_, i) => of(i)),
    );
  const n = reshape(frameNorm(norm, x, 'none'), [count, c]);
  const byPlace = index('byPlace', (i) => (i % frames) * places + Math.floor(i / frames));
  const qkv = fusedLinear(w, gather(byPlace, n), ['to_q', 'to_k', 'to_v'], c, { bias: false }); // [H·W·F, 3C]
  // Norms to length 1 that come with √headDim each.
  const unit = (first: number) =>
    rmsNorm(columns(qkv, first, c), { form: 'l2', groups: heads, epsilon });
  const table = Int32Array.from(
    { length: 4 * places },
    (_, i) => (Math.floor(i / 4) + (i % 2)) * frames,
  );
  const segments = w.g.constant(w.name('segments'), table, [places, 4]);
  const options = { heads, scale: headDim ** -1.5, causal: true };
  const a = attention(unit(0), unit(c), columns(qkv, 2 * c, c), segments, options); // [H·W·F, C]
  const y = linearLayer(w.at('to_out.0'), a, c);
  const byFrame = index('byFrame', (i) => (i % places) * frames + Math.floor(i / places));
  return reshape(add(reshape(x, [count, c]), gather(byFrame, y)), x.shape);
}

/** Resnets, each with attention behind it where the block has that: [F, H, W, C] -> same */
export function resnets(
  w: Weights,
  x: Tensor,
  count: number,
  layers: VaeLayers,
  hasAttention = false,
): Tensor {
  let y = x;
  for (let i = 0; i < count; i++) {
    y = w.within(`resnets.${i}`, (w) => resnet(w, y, layers));
    if (!hasAttention) continue;
    const norm = w.at(`norms.${i}`);
    y = w.within(`attentions.${i}`, (w) => timeAttention(w, norm, y, layers));
  }
  return y;
}

/** A convolution of cells, the first frame repeated in front: [F, H, W, C] -> [1 + (F - 1) / time, H / space, W / space, out] */
export function reduceCells(
  w: Weights,
  x: Tensor,
  out: number,
  time: number,
  space: number,
): Tensor {
  const weight = w.get('conv.weight', [out, clipShape(x)[3], time, space, space]);
  const first = slice(x, { axis: 0, start: 0, end: 1 });
  const before = time > 1 ? { cache: concat(...Array<Tensor>(time - 1).fill(first)) } : {};
  return convolution(x, weight, {
    bias: w.get('conv.bias', [out]),
    strideT: time,
    strideH: space,
    strideW: space,
    padFront: time - 1,
    ...before,
  });
}

/** A linear layer whose channels are cells: [F, H, W, C] -> [F·time, H·space, W·space, out] */
export function enlargeCells(
  w: Weights,
  x: Tensor,
  out: number,
  time: number,
  space: number,
): Tensor {
  const cell = time * space * space;
  return depthToSpace(pixelLinear(w, x, out * cell), {
    factorT: time,
    factorH: space,
    factorW: space,
    channels: out,
    channelStride: cell,
    strideT: space * space,
    strideH: space,
    strideW: 1,
  });
}

export function silu(x: Tensor): Tensor {
  return activation(x, 'silu');
}
