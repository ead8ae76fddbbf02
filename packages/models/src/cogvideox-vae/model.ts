import { clamp, columns, type Graph, graph, type Tensor } from '@tubelet/graph';
import type { Chunk } from '../vae/cache.js';
import { type Weights, weightsOf } from '../weights.js';
import {
  causalConvolution,
  clipNorm,
  downsample,
  enlarge,
  epsilon,
  type NormSilu,
  resnet,
  spatialNorm,
} from './block.js';
import { type FrameCache, frameCache } from './cache.js';
import type { CogvideoxVaeConfig } from './config.js';

/** One chunk of a clip. */
export interface CogvideoxVaeSize {
  readonly chunk: Chunk;
  /** Of the input: pixels when encoding, latents when decoding. */
  readonly frames: number;
  readonly height: number;
  readonly width: number;
  /** For a tile, whose log variance is clamped only after blending. */
  readonly tile?: boolean;
}

/**
 * The frames of each chunk of a clip: 8 when encoding, 2 latent ones when decoding, and what remains in the first chunk too. The
 * group norms see one chunk at a time, so that other chunks would give other pictures.
 */
export function cogvideoxVaeChunks(frames: number, direction: 'encode' | 'decode'): number[] {
  const each = direction === 'encode' ? 8 : 2;
  const further = Math.max(Math.floor(frames / each) - 1, 0);
  return [frames - further * each, ...Array<number>(further).fill(each)];
}

/**
 * The encoder of AutoencoderKLCogVideoX (diffusers 0.42.1) for one chunk of one clip.
 *
 * Inputs: frames f32 [frames, height, width, inChannels] in [-1, 1], and the cache entries of a steady chunk.
 * Outputs: mean and logvar f32 [F, h, w, latentChannels], not scaled, and the next cache entries.
 */
export function cogvideoxVaeEncoder(
  config: CogvideoxVaeConfig,
  { chunk, frames, height, width, tile = false }: CogvideoxVaeSize,
): Graph {
  return graph(`cogvideox-vae.encoder.${chunk}`, (g) => {
    const w = weightsOf(g);
    const z = config.latentChannels;
    const x = g.input('frames', [frames, height, width, config.inChannels]);
    const cache = frameCache(w, chunk);
    const moments = w.within('encoder', (w) => encode(w, x, config, cache)); // [F, h, w, 2z]
    const logvar = columns(moments, z, z);
    g.output('mean', columns(moments, 0, z));
    g.output('logvar', tile ? logvar : clamp(logvar, { min: -30, max: 20 }));
  });
}

/**
 * The decoder of AutoencoderKLCogVideoX (diffusers 0.42.1) for one chunk of one clip.
 *
 * Inputs: latents f32 [frames, height, width, latentChannels], no longer scaled, and the cache entries of a steady chunk.
 * Outputs: frames f32 [F, H, W, outChannels], about [-1, 1] and not clamped, as in the original, and the next cache entries.
 */
export function cogvideoxVaeDecoder(
  config: CogvideoxVaeConfig,
  { chunk, frames, height, width }: CogvideoxVaeSize,
): Graph {
  return graph(`cogvideox-vae.decoder.${chunk}`, (g) => {
    const w = weightsOf(g);
    const latents = g.input('latents', [frames, height, width, config.latentChannels]);
    const cache = frameCache(w, chunk);
    g.output(
      'frames',
      w.within('decoder', (w) => decode(w, latents, config, cache)),
    );
  });
}

function encode(w: Weights, frames: Tensor, config: CogvideoxVaeConfig, cache: FrameCache): Tensor {
  const { widths, layersPerBlock, normGroups, temporalLevels, latentChannels } = config;
  const norm: NormSilu = (w, x) => clipNorm(w, x, normGroups, config.epsilon, 'silu');
  let x = causalConvolution(w.at('conv_in'), frames, widths[0], cache); // [F, H, W, widths[0]]
  widths.forEach((width, level) => {
    w.within(`down_blocks.${level}`, (w) => {
      for (let i = 0; i < layersPerBlock; i++)
        x = w.within(`resnets.${i}`, (w) => resnet(w, x, width, cache, norm));
      if (level === widths.length - 1) return;
      x = w.within('downsamplers.0', (w) => downsample(w, x, level < temporalLevels)); // [F', H/2, W/2, width]
    });
  });
  x = w.within('mid_block', (w) => midBlock(w, x, cache, norm));
  const h = clipNorm(w.at('norm_out'), x, normGroups, epsilon, 'silu');
  return causalConvolution(w.at('conv_out'), h, 2 * latentChannels, cache); // [F, h, w, 2z]
}

function decode(
  w: Weights,
  latents: Tensor,
  config: CogvideoxVaeConfig,
  cache: FrameCache,
): Tensor {
  const { layersPerBlock, temporalLevels, outChannels } = config;
  const widths = config.widths.toReversed();
  const norm = spatialNorm(latents, config);
  let x = causalConvolution(w.at('conv_in'), latents, widths[0], cache); // [F, h, w, widths[0]]
  x = w.within('mid_block', (w) => midBlock(w, x, cache, norm));
  widths.forEach((width, level) => {
    w.within(`up_blocks.${level}`, (w) => {
      for (let i = 0; i <= layersPerBlock; i++)
        x = w.within(`resnets.${i}`, (w) => resnet(w, x, width, cache, norm));
      if (level === widths.length - 1) return;
      x = w.within('upsamplers.0', (w) => enlarge(w, x, level < temporalLevels)); // [F', 2H, 2W, width]
    });
  });
  const h = norm(w.at('norm_out'), x);
  return causalConvolution(w.at('conv_out'), h, outChannels, cache); // [F, H, W, outChannels]
}

/** [F, H, W, C] -> same */
function midBlock(w: Weights, x: Tensor, cache: FrameCache, norm: NormSilu): Tensor {
  const c = Number(x.shape[3]);
  const h = w.within('resnets.0', (w) => resnet(w, x, c, cache, norm));
  return w.within('resnets.1', (w) => resnet(w, h, c, cache, norm));
}
