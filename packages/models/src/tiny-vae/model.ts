import {
  activation,
  add,
  type Graph,
  graph,
  groupNorm,
  multiply,
  type Tensor,
} from '@tubelet/graph';
import { convolution2d } from '../kl-vae/block.js';
import { type Weights, weightsOf } from '../weights.js';
import type { TinyVaeConfig } from './config.js';

/** Pictures of one run, all of one size. */
export interface TinyVaeSize {
  /** Of the input: pixels when encoding, latents when decoding. */
  readonly height: number;
  readonly width: number;
  /** Default 1. */
  readonly images?: number;
}

/**
 * The encoder of AutoencoderTiny (diffusers 0.42.1; madebyollin/taesd).
 *
 * Input: pictures f32 [images, height, width, inChannels], in [-1, 1], or in [0, 1] in the original's layout.
 * Output: latents f32 [images, h, w, latentChannels].
 */
export function tinyVaeEncoder(
  config: TinyVaeConfig,
  { height, width, images = 1 }: TinyVaeSize,
): Graph {
  return graph('tiny-vae.encoder', (g) => {
    const layer = layers(weightsOf(g), config, 'encoder');
    const { encoderBlocks, width: c, latentChannels } = config;
    let x = g.input('pictures', [images, height, width, config.inChannels]);
    if (config.layout === 'diffusers') x = affine(x, 0.5, 0.5);
    encoderBlocks.forEach((count, level) => {
      const half = { strideH: 2, strideW: 2, hasBias: false };
      x = convolution2d(layer(), x, c, 3, level === 0 ? {} : half); // [N, H/2, W/2, C] but for the first
      const pooled = config.pooled && level === encoderBlocks.length - 1;
      for (let i = 0; i < count; i++) x = block(layer(), x, pooled);
    });
    g.output('latents', convolution2d(layer(), x, latentChannels, 3));
  });
}

/**
 * The decoder of AutoencoderTiny (diffusers 0.42.1; madebyollin/taesd).
 *
 * Input: latents f32 [images, height, width, latentChannels].
 * Output: pictures f32 [images, H, W, outChannels], in the range the encoder takes and not clamped.
 */
export function tinyVaeDecoder(
  config: TinyVaeConfig,
  { height, width, images = 1 }: TinyVaeSize,
): Graph {
  return graph('tiny-vae.decoder', (g) => {
    const layer = layers(weightsOf(g), config, 'decoder');
    const { decoderBlocks, width: c } = config;
    const latents = g.input('latents', [images, height, width, config.latentChannels]);
    const limited = affine(activation(affine(latents, 1 / 3, 0), 'tanh'), 3, 0);
    let x = convolution2d(layer(), limited, c, 3, { activation: 'relu' });
    layer(); // the activation
    decoderBlocks.forEach((count, level) => {
      const isLast = level === decoderBlocks.length - 1;
      for (let i = 0; i < count; i++) x = block(layer(), x, config.pooled && level === 0);
      if (isLast) return;
      layer(); // the upsampling
      x = convolution2d(layer(), x, c, 3, { upsample: 2, hasBias: false }); // [N, 2H, 2W, C]
    });
    const y = convolution2d(layer(), x, config.outChannels, 3);
    g.output('pictures', config.layout === 'diffusers' ? affine(y, 2, -1) : y);
  });
}

/** The layers in their order: `encoder.layers.0`, …; the original's decoder counts its first tanh too. */
function layers(w: Weights, { layout }: TinyVaeConfig, part: 'encoder' | 'decoder'): () => Weights {
  let next = layout === 'original' && part === 'decoder' ? 1 : 0;
  const at = layout === 'original' ? w : w.at(`${part}.layers`);
  return () => at.at(String(next++));
}

/** x·scale + shift */
function affine(x: Tensor, scale: number, shift: number): Tensor {
  const { builder: g } = x;
  const c = Number(x.shape[3]);
  const vector = (name: string, value: number) =>
    g.constant(`${name} ${value}`, new Float32Array(c).fill(value));
  const y = multiply(x, vector('scale', scale));
  return shift === 0 ? y : add(y, vector('shift', shift));
}

/** Three convolutions beside the picture itself: [N, H, W, C] -> same */
function block(w: Weights, input: Tensor, pooled: boolean): Tensor {
  const c = Number(input.shape[3]);
  const x = pooled ? add(input, pool(w.at('pool'), input)) : input;
  const first = convolution2d(w.at('conv.0'), x, c, 3, { activation: 'relu' });
  const second = convolution2d(w.at('conv.2'), first, c, 3, { activation: 'relu' });
  return activation(convolution2d(w.at('conv.4'), second, c, 3, { residual: x }), 'relu');
}

/** Four times as wide, normed in four groups over the whole picture. */
function pool(w: Weights, x: Tensor): Tensor {
  const c = Number(x.shape[3]);
  const wide = convolution2d(w.at('0'), x, 4 * c, 1, { hasBias: false }); // [N, H, W, 4C]
  const norm = w.at('1');
  const y = groupNorm(wide, {
    groups: 4,
    epsilon: 1e-5,
    weight: norm.get('weight', [4 * c]),
    bias: norm.get('bias', [4 * c]),
    activation: 'relu',
  });
  return convolution2d(w.at('3'), y, c, 1, { hasBias: false }); // [N, H, W, C]
}
