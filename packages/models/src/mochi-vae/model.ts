import { clamp, columns, concat, type Graph, graph, slice, type Tensor } from '@tubelet/graph';
import { type FrameCache, frameCache } from '../cogvideox-vae/cache.js';
import { sharedIndices } from '../edges.js';
import type { Chunk } from '../vae/cache.js';
import { type Weights, weightsOf } from '../weights.js';
import {
  enlargeCells,
  frameNorm,
  pixelLinear,
  reduceCells,
  resnets,
  silu,
  type VaeLayers,
} from './block.js';
import { featuresPerChannel, type MochiVaeConfig, mochiVaeFactors } from './config.js';

/** A clip of one run of the encoder. */
export interface MochiEncoderSize {
  readonly frames: number;
  /** In pixels. */
  readonly height: number;
  readonly width: number;
  /** For a tile, whose log variance is clamped only after blending. */
  readonly tile?: boolean;
}

/** A chunk of a clip of one run of the decoder. */
export interface MochiDecoderSize {
  readonly chunk: Chunk;
  /** Of latents; 1 by default. */
  readonly frames?: number;
  /** Of the latents. */
  readonly height: number;
  readonly width: number;
}

/** A whole clip: before its first frame there is that frame again. */
const wholeClip: FrameCache = {
  before(x) {
    const first = slice(x, { axis: 0, start: 0, end: 1 });
    return concat(first, first);
  },
};

/**
 * The encoder of AutoencoderKLMochi (diffusers 0.42.1) for a whole clip, as its attention sees all earlier frames.
 *
 * Input: features f32 [frames, height, width, 5·inChannels], pictures in [-1, 1] by `mochiFeatures`; sides are multiples of the
 * factor.
 * Outputs: mean and logvar f32 [F, h, w, latentChannels], F = 1 + (frames - 1) / 6 rounded down, not normalised.
 */
export function mochiVaeEncoder(
  config: MochiVaeConfig,
  { frames, height, width, tile = false }: MochiEncoderSize,
): Graph {
  return graph('mochi-vae.encoder', (g) => {
    const z = config.latentChannels;
    const layers = { cache: wholeClip, shared: sharedIndices(g) };
    const features = featuresPerChannel * config.inChannels;
    const x = g.input('features', [frames, height, width, features]);
    const moments = weightsOf(g).within('encoder', (w) => encode(w, x, config, layers)); // [F, h, w, 2z]
    const logvar = columns(moments, z, z);
    g.output('mean', columns(moments, 0, z));
    g.output('logvar', tile ? logvar : clamp(logvar, { min: -30, max: 20 }));
  });
}

/**
 * The decoder of AutoencoderKLMochi (diffusers 0.42.1) for one chunk of one clip, of any number of latent frames: its norms are of
 * a frame and its convolutions causal, so chunks give what the whole clip gives.
 *
 * Inputs: latents f32 [frames, height, width, latentChannels], no longer normalised, and the cache entries of a steady chunk.
 * Outputs: frames f32 [F, H, W, outChannels], about [-1, 1] and not clamped, as in the original: 6 for each latent frame, the
 * first 5 of a clip dropped; and the next cache entries.
 */
export function mochiVaeDecoder(
  config: MochiVaeConfig,
  { chunk, frames = 1, height, width }: MochiDecoderSize,
): Graph {
  return graph(`mochi-vae.decoder.${chunk}`, (g) => {
    const w = weightsOf(g);
    const layers = { cache: frameCache(w, chunk), shared: sharedIndices(g) };
    const latents = g.input('latents', [frames, height, width, config.latentChannels]);
    const y = w.within('decoder', (w) => decode(w, latents, config, layers)); // [F·time, H, W, outChannels]
    const start = chunk === 'first' ? mochiVaeFactors(config).time - 1 : 0;
    g.output('frames', slice(y, { axis: 0, start, end: Number(y.shape[0]) }));
  });
}

function encode(w: Weights, features: Tensor, config: MochiVaeConfig, layers: VaeLayers): Tensor {
  const { encoderWidths: widths, attention, timeFactors, spaceFactors, latentChannels } = config;
  const counts = config.layers;
  const last = widths.length;
  let x = pixelLinear(w.at('proj_in'), features, widths[0]); // [F, H, W, widths[0]]
  x = w.within('block_in', (w) => resnets(w, x, counts[0], layers, attention[0]));
  widths.slice(1).forEach((width, i) => {
    x = w.within(`down_blocks.${i}`, (w) => {
      const h = reduceCells(w.at('conv_in'), x, width, timeFactors[i], spaceFactors[i]); // [F', H', W', width]
      return resnets(w, h, counts[i + 1], layers, attention[i + 1]);
    });
  });
  x = w.within('block_out', (w) => resnets(w, x, counts[last], layers, attention[last]));
  const h = frameNorm(w.at('norm_out'), x, 'silu');
  return pixelLinear(w.at('proj_out'), h, 2 * latentChannels, { bias: false }); // [F, h, w, 2z]
}

function decode(w: Weights, latents: Tensor, config: MochiVaeConfig, layers: VaeLayers): Tensor {
  const { decoderWidths, timeFactors, spaceFactors, latentChannels } = config;
  const counts = config.layers;
  const [first, ...widths] = decoderWidths.toReversed();
  const storedShape = [first, latentChannels, 1, 1, 1];
  let x = pixelLinear(w.at('conv_in'), latents, first, { storedShape }); // [F, h, w, first]
  x = w.within('block_in', (w) => resnets(w, x, counts[decoderWidths.length], layers));
  widths.forEach((width, i) => {
    const level = widths.length - 1 - i;
    x = w.within(`up_blocks.${i}`, (w) => {
      const h = resnets(w, x, counts[level + 1], layers);
      return enlargeCells(w.at('proj'), h, width, timeFactors[level], spaceFactors[level]); // [F', H', W', width]
    });
  });
  x = w.within('block_out', (w) => resnets(w, x, counts[0], layers));
  return pixelLinear(w.at('proj_out'), silu(x), config.outChannels); // [F, H, W, outChannels]
}

/**
 * What the encoder takes of pictures: each value, then the sines, then the cosines of 2π·64 and 2π·128 times it, in float32
 * (FourierFeatures, diffusers 0.42.1).
 *
 * @param pictures [pixels, channels]
 * @returns [pixels, 5·channels]
 */
export function mochiFeatures(pictures: ArrayLike<number>, channels: number): Float32Array {
  const f = Math.fround;
  const out = new Float32Array(featuresPerChannel * pictures.length);
  const frequencies = [64, 128].map((power) => f(power * f(2 * Math.PI)));
  for (let i = 0; i < pictures.length; i++) {
    const [pixel, channel] = [Math.floor(i / channels), i % channels];
    const start = pixel * featuresPerChannel * channels;
    out[start + channel] = pictures[i];
    frequencies.forEach((frequency, k) => {
      const angle = f(frequency * f(pictures[i]));
      const at = start + channels + 2 * channel + k;
      out[at] = Math.sin(angle);
      out[at + 2 * channels] = Math.cos(angle);
    });
  }
  return out;
}
