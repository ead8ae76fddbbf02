import { add, clamp, columns, type Graph, graph, type Tensor } from '@tubelet/graph';
import { type Weights, weightsOf } from '../weights.js';
import {
  averageDown,
  causalConvolution,
  downsample,
  midBlock,
  normSilu,
  patchFrames,
  pointwise,
  residualBlock,
} from './block.js';
import { type Chunk, type FeatureCache, featureCache } from './cache.js';
import { levelWidths, type WanVaeConfig } from './config.js';

/** Frames of a steady chunk, whatever the autoencoder's levels. */
export const framesPerChunk = 4;

/** What {@link wanVaeEncoder} is built for. */
export interface EncoderSize {
  readonly chunk: Chunk;
  /** Of the picture, in pixels. */
  readonly height: number;
  readonly width: number;
  /** For a tile, whose log variance is clamped only after blending. */
  readonly tile?: boolean;
}

/**
 * The encoder of AutoencoderKLWan (diffusers 0.42.1) for one chunk of one clip.
 *
 * Inputs: frames f32 [1 or 4, height, width, inChannels] in [-1, 1], and the cache entries of a steady chunk.
 * Outputs: mean and logvar f32 [F, h, w, latentChannels], not normalised, and the next cache entries.
 */
export function wanVaeEncoder(
  config: WanVaeConfig,
  { chunk, height, width, tile = false }: EncoderSize,
): Graph {
  return graph(`wan-vae.encoder.${chunk}`, (g) => {
    const w = weightsOf(g);
    const cache = featureCache(w, chunk);
    const z = config.latentChannels;
    const frames = g.input('frames', [
      chunk === 'first' ? 1 : framesPerChunk,
      height,
      width,
      config.inChannels,
    ]);
    const x = patchFrames(frames, config.patchSize); // [F, H, W, inChannels·patch²]
    const h = w.within('encoder', (w) => encode(w, x, config, cache)); // [F', h, w, 2z]
    const moments = pointwise(w.at('quant_conv'), h, 2 * z);
    const logvar = columns(moments, z, z);
    g.output('mean', columns(moments, 0, z)); // [F', h, w, z]
    g.output('logvar', tile ? logvar : clamp(logvar, { min: -30, max: 20 }));
  });
}

function encode(w: Weights, frames: Tensor, config: WanVaeConfig, cache: FeatureCache): Tensor {
  const [first, ...widths] = levelWidths(config, 'encoder');
  let x = causalConvolution(w.at('conv_in'), frames, first, cache); // [F, H, W, encoderDim]
  x = config.residual
    ? residualLevels(w, x, widths, config, cache)
    : plainLevels(w, x, widths, config, cache);
  x = w.within('mid_block', (w) => midBlock(w, x, cache));
  return causalConvolution(
    w.at('conv_out'),
    normSilu(w.at('norm_out'), x),
    2 * config.latentChannels,
    cache,
  );
}

/** 2.1: resnets and downsamplers are numbered through. */
function plainLevels(
  w: Weights,
  x: Tensor,
  widths: readonly number[],
  config: WanVaeConfig,
  cache: FeatureCache,
): Tensor {
  let index = 0;
  const next = (build: (w: Weights, x: Tensor) => Tensor) => {
    const input = x;
    x = w.within(`down_blocks.${index++}`, (w) => build(w, input));
  };
  widths.forEach((width, level) => {
    for (let i = 0; i < config.resBlocks; i++) next((w, x) => residualBlock(w, x, width, cache));
    const temporal = config.temporal[level];
    if (temporal !== undefined) next((w, x) => downsample(w, x, temporal, cache)); // [F', H/2, W/2, width]
  });
  return x;
}

/** 2.2: every level has a shortcut of averages. */
function residualLevels(
  w: Weights,
  x: Tensor,
  widths: readonly number[],
  config: WanVaeConfig,
  cache: FeatureCache,
): Tensor {
  return widths.reduce(
    (input, width, level) =>
      w.within(`down_blocks.${level}`, (w) => {
        const temporal = config.temporal[level];
        let x = input;
        for (let i = 0; i < config.resBlocks; i++)
          x = w.within(`resnets.${i}`, (w) => residualBlock(w, x, width, cache));
        if (temporal !== undefined)
          x = w.within('downsampler', (w) => downsample(w, x, temporal, cache));
        return add(x, averageDown(input, width, temporal ? 2 : 1, temporal === undefined ? 1 : 2)); // [F', H/2, W/2, width]
      }),
    x,
  );
}
