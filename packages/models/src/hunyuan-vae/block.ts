import {
  attention,
  type ConvolutionOptions,
  columns,
  convolution,
  type GraphBuilder,
  gather,
  groupNorm,
  reshape,
  type Tensor,
} from '@tubelet/graph';
import { fusedLinear, linearLayer, type Weights } from '../weights.js';
import type { HunyuanVaeConfig } from './config.js';

/** Of all norms. */
const epsilon = 1e-6;

type ClipShape = [frames: number, height: number, width: number, channels: number];

function clipShape(x: Tensor): ClipShape {
  return x.shape.map(Number) as ClipShape;
}

interface Factors {
  readonly time: number;
  readonly space: number;
}

/** What the layers of one graph share. */
export interface VaeLayers {
  readonly config: HunyuanVaeConfig;
  /**
   * A clip for a 3x3x3 convolution: its first frame twice more in front, its edge pixels once more around, both after nearest
   * enlarging, which leaves the first frame single in time.
   *
   * @param x [F, H, W, C]
   * @returns [2 + F', 2 + H', 2 + W', C], F' = 1 + (F - 1)·time, H' = H·space
   */
  readonly withEdges: (x: Tensor, factors?: Factors) => Tensor;
}

export function vaeLayers(g: GraphBuilder, config: HunyuanVaeConfig): VaeLayers {
  const indices = new Map<string, { readonly index: Tensor; readonly sizes: readonly number[] }>();
  const withEdges = (x: Tensor, { time, space }: Factors = { time: 1, space: 1 }) => {
    const [frames, height, width, c] = clipShape(x);
    const key = `edges.${frames}x${height}x${width}.${time}.${space}`;
    let known = indices.get(key);
    if (!known) {
      const t = padded(1 + (frames - 1) * time, 2, 0, (at) => Math.ceil(at / time));
      const [y, z] = [height, width].map((size) =>
        padded(size * space, 1, 1, (at) => Math.floor(at / space)),
      );
      known = {
        index: g.constant(key, placesOf(t, y, z, height, width)),
        sizes: [t.length, y.length, z.length],
      };
      indices.set(key, known);
    }
    const rows = gather(known.index, reshape(x, [frames * height * width, c]));
    return reshape(rows, [...known.sizes, c]);
  };
  return { config, withEdges };
}

/** Where the places of one axis come from, the first and last repeated. */
function padded(
  size: number,
  before: number,
  after: number,
  source: (at: number) => number,
): number[] {
  return Array.from({ length: before + size + after }, (_, i) =>
    source(Math.min(Math.max(i - before, 0), size - 1)),
  );
}

function placesOf(
  frames: readonly number[],
  rows: readonly number[],
  columns: readonly number[],
  height: number,
  width: number,
): Int32Array {
  const places = new Int32Array(frames.length * rows.length * columns.length);
  let at = 0;
  for (const frame of frames) {
    for (const row of rows) {
      const first = (frame * height + row) * width;
      for (const column of columns) places[at++] = first + column;
    }
  }
  return places;
}

/** HunyuanVideoCausalConv3d of 3x3x3, over an enlarged clip where there are factors: [F, H, W, C] -> [F', H', W', out] */
export function causalConvolution(
  w: Weights,
  x: Tensor,
  out: number,
  { withEdges }: VaeLayers,
  { factors, ...options }: ConvolutionOptions & { readonly factors?: Factors } = {},
): Tensor {
  const at = w.at('conv');
  const weight = at.get('weight', [out, clipShape(x)[3], 3, 3, 3]);
  return convolution(withEdges(x, factors), weight, { bias: at.get('bias', [out]), ...options });
}

/** A 1x1x1 convolution, which is a linear layer: [F, H, W, C] -> [F, H, W, out] */
export function pointwise(w: Weights, x: Tensor, out: number): Tensor {
  const [f, h, width, c] = clipShape(x);
  const storedShape = [out, c, 1, 1, 1];
  const y = linearLayer(w, reshape(x, [f * h * width, c]), out, { storedShape });
  return reshape(y, [f, h, width, out]);
}

/** Group norm over the whole clip. */
function norm(
  w: Weights,
  x: Tensor,
  { normGroups: groups }: HunyuanVaeConfig,
  activation: 'none' | 'silu',
): Tensor {
  const [f, h, width, c] = clipShape(x);
  const [weight, bias] = [w.get('weight', [c]), w.get('bias', [c])];
  const whole = reshape(x, [1, f * h, width, c]);
  return reshape(groupNorm(whole, { groups, epsilon, weight, bias, activation }), x.shape);
}

export function normSilu(w: Weights, x: Tensor, { config }: VaeLayers): Tensor {
  return norm(w, x, config, 'silu');
}

/** HunyuanVideoResnetBlockCausal3D (diffusers 0.42.1): [F, H, W, C] -> [F, H, W, out] */
export function resnet(w: Weights, x: Tensor, out: number, layers: VaeLayers): Tensor {
  const isSame = clipShape(x)[3] === out;
  const residual = isSame ? x : pointwise(w.at('conv_shortcut.conv'), x, out); // [F, H, W, out]
  const h = causalConvolution(w.at('conv1'), normSilu(w.at('norm1'), x, layers), out, layers);
  const n = normSilu(w.at('norm2'), h, layers);
  return causalConvolution(w.at('conv2'), n, out, layers, { residual });
}

/** One head over all places of a frame's own and the earlier frames: [F, H, W, C] -> same */
function attentionBlock(w: Weights, x: Tensor, { config }: VaeLayers): Tensor {
  const [f, h, width, c] = clipShape(x);
  const frame = h * width;
  const flat = (x: Tensor) => reshape(x, [f * frame, c]);
  const n = flat(norm(w.at('group_norm'), x, config, 'none'));
  const qkv = fusedLinear(w, n, ['to_q', 'to_k', 'to_v'], c); // [F·H·W, 3C]
  const [q, k, v] = [columns(qkv, 0, c), columns(qkv, c, c), columns(qkv, 2 * c, c)];
  const rows = Array.from({ length: f }, (_, i) => [
    i * frame,
    (i + 1) * frame,
    0,
    (i + 1) * frame,
  ]);
  const segments = w.g.constant(w.name('segments'), Int32Array.from(rows.flat()), [f, 4]);
  const a = attention(q, k, v, segments, { heads: 1, scale: 1 / Math.sqrt(c) }); // [F·H·W, C]
  return reshape(linearLayer(w.at('to_out.0'), a, c, { residual: flat(x) }), x.shape);
}

/** HunyuanVideoMidBlock3D: a resnet on each side of attention. [F, H, W, C] -> same */
export function midBlock(w: Weights, x: Tensor, layers: VaeLayers): Tensor {
  const c = clipShape(x)[3];
  let y = w.within('resnets.0', (w) => resnet(w, x, c, layers));
  if (layers.config.midAttention) y = w.within('attentions.0', (w) => attentionBlock(w, y, layers));
  return w.within('resnets.1', (w) => resnet(w, y, c, layers));
}
