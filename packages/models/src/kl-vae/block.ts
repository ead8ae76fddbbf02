import {
  attention,
  type ConvolutionOptions,
  columns,
  convolution,
  groupNorm,
  linear,
  reshape,
  type Tensor,
} from '@tubelet/graph';
import { linearLayer, type Weights } from '../weights.js';
import type { KlVaeConfig } from './config.js';

/** Of all norms. */
const epsilon = 1e-6;

function channels(x: Tensor): number {
  return Number(x.shape[3]);
}

/**
 * A 2D convolution of each picture.
 *
 * @param x [N, H, W, C]
 * @param size of the kernel, odd; it keeps the picture's size unless the options say otherwise
 * @returns [N, H', W', out]
 */
export function convolution2d(
  w: Weights,
  x: Tensor,
  out: number,
  size: number,
  options: ConvolutionOptions & { readonly hasBias?: boolean } = {},
): Tensor {
  const { hasBias = true, ...rest } = options;
  const storedShape = [out, channels(x), size, size];
  const weight = w.get('weight', [out, channels(x), 1, size, size], { storedShape });
  const pad = (size - 1) / 2;
  const around = { padTop: pad, padBottom: pad, padLeft: pad, padRight: pad };
  const bias = hasBias ? w.get('bias', [out]) : undefined;
  return convolution(x, weight, { ...around, ...rest, bias });
}

function norm(w: Weights, x: Tensor, groups: number, activation: 'none' | 'silu'): Tensor {
  const c = channels(x);
  const [weight, bias] = [w.get('weight', [c]), w.get('bias', [c])];
  return groupNorm(x, { groups, epsilon, weight, bias, activation });
}

export function normSilu(w: Weights, x: Tensor, { normGroups }: KlVaeConfig): Tensor {
  return norm(w, x, normGroups, 'silu');
}

/** ResnetBlock2D without a timestep: [N, H, W, C] -> [N, H, W, out] */
export function resnet(w: Weights, x: Tensor, out: number, config: KlVaeConfig): Tensor {
  const residual = channels(x) === out ? x : convolution2d(w.at('conv_shortcut'), x, out, 1);
  const h = convolution2d(w.at('conv1'), normSilu(w.at('norm1'), x, config), out, 3);
  return convolution2d(w.at('conv2'), normSilu(w.at('norm2'), h, config), out, 3, { residual });
}

/** Names of the attention's layers in files from before diffusers 0.13. */
const oldNames = { to_q: 'query', to_k: 'key', to_v: 'value', 'to_out.0': 'proj_attn' } as const;

/** The weights of one of the attention's layers, under either name. */
function either(w: Weights, name: keyof typeof oldNames, kind: 'weight' | 'bias') {
  return [...w.names(`${name}.${kind}`), ...w.names(`${oldNames[name]}.${kind}`)];
}

/** One head, every picture for itself: [N, H, W, C] -> same */
function attentionBlock(w: Weights, x: Tensor, { normGroups }: KlVaeConfig): Tensor {
  const [n, height, width, c] = x.shape.map(Number) as [number, number, number, number];
  const places = height * width;
  const h = reshape(norm(w.at('group_norm'), x, normGroups, 'none'), [n * places, c]);
  const parts = ['to_q', 'to_k', 'to_v'] as const;
  const fused = (kind: 'weight' | 'bias', shape: readonly number[]) =>
    w.get(`qkv.${kind}`, [3 * c, ...shape.slice(1)], {
      sources: parts.map((part) => ({ names: either(w, part, kind), shape })),
    });
  const qkv = linear(h, fused('weight', [c, c]), { bias: fused('bias', [c]) }); // [N·H·W, 3C]
  const [q, k, v] = [columns(qkv, 0, c), columns(qkv, c, c), columns(qkv, 2 * c, c)];
  const table = Int32Array.from(
    { length: 4 * n },
    (_, i) => (Math.floor(i / 4) + (i % 2)) * places,
  );
  const segments = w.g.constant(w.name('segments'), table, [n, 4]);
  const a = attention(q, k, v, segments, { heads: 1, scale: 1 / Math.sqrt(c) }); // [N·H·W, C]
  const weight = w.get('to_out.0.weight', [c, c], {
    aliases: either(w, 'to_out.0', 'weight').slice(1),
  });
  const bias = w.get('to_out.0.bias', [c], { aliases: either(w, 'to_out.0', 'bias').slice(1) });
  const y = linear(a, weight, { bias, residual: reshape(x, [n * places, c]) });
  return reshape(y, [n, height, width, c]);
}

/** [N, H, W, C] -> same */
export function midBlock(w: Weights, x: Tensor, config: KlVaeConfig): Tensor {
  const c = channels(x);
  let y = w.within('resnets.0', (w) => resnet(w, x, c, config));
  if (config.midAttention) y = w.within('attentions.0', (w) => attentionBlock(w, y, config));
  return w.within('resnets.1', (w) => resnet(w, y, c, config));
}

/** A 1x1 convolution, which is a linear layer: [N, H, W, C] -> [N, H, W, out] */
export function pointwise(w: Weights, x: Tensor, out: number): Tensor {
  const [n, height, width, c] = x.shape.map(Number) as [number, number, number, number];
  const y = linearLayer(w, reshape(x, [n * height * width, c]), out, {
    storedShape: [out, c, 1, 1],
  });
  return reshape(y, [n, height, width, out]);
}
