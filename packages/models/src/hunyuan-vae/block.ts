import {
  attention,
  type ConvolutionOptions,
  columns,
  convolution,
  type GraphBuilder,
  gather,
  reshape,
  type Tensor,
} from '@tubelet/graph';
import { clipNorm } from '../cogvideox-vae/block.js';
import { padded, placesOf, sharedIndices } from '../edges.js';
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
  const shared = sharedIndices(g);
  const withEdges = (x: Tensor, { time, space }: Factors = { time: 1, space: 1 }) => {
    const [frames, height, width, c] = clipShape(x);
    const t = padded(1 + (frames - 1) * time, 2, 0, (at) => Math.ceil(at / time));
    const along = (size: number) => padded(size * space, 1, 1, (at) => Math.floor(at / space));
    const [rows, columns] = [along(height), along(width)];
    const index = shared(`edges.${frames}x${height}x${width}.${time}.${space}`, () =>
      placesOf(t, rows, columns, height, width),
    );
    const flat = gather(index, reshape(x, [frames * height * width, c]));
    return reshape(flat, [t.length, rows.length, columns.length, c]);
  };
  return { config, withEdges };
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

export function normSilu(w: Weights, x: Tensor, { config }: VaeLayers): Tensor {
  return clipNorm(w, x, config.normGroups, epsilon, 'silu');
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
  const n = flat(clipNorm(w.at('group_norm'), x, config.normGroups, epsilon, 'none'));
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
