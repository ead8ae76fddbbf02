import { clamp, columns, type Graph, graph, type Tensor } from '@tubelet/graph';
import { type Weights, weightsOf } from '../weights.js';
import { convolution2d, midBlock, normSilu, pointwise, resnet } from './block.js';
import type { KlVaeConfig } from './config.js';

/** Pictures of one run, all of one size. */
export interface KlVaeSize {
  /** Of the input: pixels when encoding, latents when decoding. */
  readonly height: number;
  readonly width: number;
  /** Default 1. */
  readonly images?: number;
  /** For a tile, whose log variance is clamped only after blending. */
  readonly tile?: boolean;
}

/**
 * The encoder of AutoencoderKL (diffusers 0.42.1).
 *
 * Input: pictures f32 [images, height, width, inChannels] in [-1, 1]; sides are multiples of the factor.
 * Outputs: mean and logvar f32 [images, h, w, latentChannels], not normalised.
 */
export function klVaeEncoder(
  config: KlVaeConfig,
  { height, width, images = 1, tile = false }: KlVaeSize,
): Graph {
  return graph('kl-vae.encoder', (g) => {
    const w = weightsOf(g);
    const z = config.latentChannels;
    const pictures = g.input('pictures', [images, height, width, config.inChannels]);
    const h = w.within('encoder', (w) => encode(w, pictures, config)); // [N, h, w, 2z]
    const moments = config.quantConv ? pointwise(w.at('quant_conv'), h, 2 * z) : h;
    const logvar = columns(moments, z, z);
    g.output('mean', columns(moments, 0, z));
    g.output('logvar', tile ? logvar : clamp(logvar, { min: -30, max: 20 }));
  });
}

/**
 * The decoder of AutoencoderKL (diffusers 0.42.1).
 *
 * Input: latents f32 [images, height, width, latentChannels], no longer scaled.
 * Output: pictures f32 [images, H, W, outChannels], about [-1, 1] and not clamped, as in the original.
 */
export function klVaeDecoder(config: KlVaeConfig, { height, width, images = 1 }: KlVaeSize): Graph {
  return graph('kl-vae.decoder', (g) => {
    const w = weightsOf(g);
    const z = config.latentChannels;
    const latents = g.input('latents', [images, height, width, z]);
    const x = config.postQuantConv ? pointwise(w.at('post_quant_conv'), latents, z) : latents;
    g.output(
      'pictures',
      w.within('decoder', (w) => decode(w, x, config)),
    );
  });
}

function encode(w: Weights, pictures: Tensor, config: KlVaeConfig): Tensor {
  const { widths, layersPerBlock, latentChannels } = config;
  let x = convolution2d(w.at('conv_in'), pictures, widths[0], 3); // [N, H, W, widths[0]]
  widths.forEach((width, level) => {
    w.within(`down_blocks.${level}`, (w) => {
      for (let i = 0; i < layersPerBlock; i++)
        x = w.within(`resnets.${i}`, (w) => resnet(w, x, width, config));
      if (level === widths.length - 1) return;
      const half = { strideH: 2, strideW: 2, padTop: 0, padLeft: 0 };
      x = convolution2d(w.at('downsamplers.0.conv'), x, width, 3, half); // [N, H/2, W/2, width]
    });
  });
  x = w.within('mid_block', (w) => midBlock(w, x, config));
  const h = normSilu(w.at('conv_norm_out'), x, config);
  return convolution2d(w.at('conv_out'), h, 2 * latentChannels, 3); // [N, h, w, 2z]
}

function decode(w: Weights, latents: Tensor, config: KlVaeConfig): Tensor {
  const { layersPerBlock, outChannels } = config;
  const widths = config.widths.toReversed();
  let x = convolution2d(w.at('conv_in'), latents, widths[0], 3); // [N, h, w, widths[0]]
  x = w.within('mid_block', (w) => midBlock(w, x, config));
  widths.forEach((width, level) => {
    w.within(`up_blocks.${level}`, (w) => {
      for (let i = 0; i <= layersPerBlock; i++)
        x = w.within(`resnets.${i}`, (w) => resnet(w, x, width, config));
      if (level === widths.length - 1) return;
      x = convolution2d(w.at('upsamplers.0.conv'), x, width, 3, { upsample: 2 }); // [N, 2H, 2W, width]
    });
  });
  const h = normSilu(w.at('conv_norm_out'), x, config);
  return convolution2d(w.at('conv_out'), h, outChannels, 3); // [N, H, W, outChannels]
}
