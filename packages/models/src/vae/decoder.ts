import { clamp, type Graph, graph, type Tensor } from '@tubelet/graph';
import { type Weights, weightsOf } from '../weights.js';
import {
  causalConvolution,
  midBlock,
  normSilu,
  pointwise,
  repeatUp,
  residualBlock,
  unpatchFrames,
  upsample,
} from './block.js';
import { type Chunk, type FeatureCache, featureCache } from './cache.js';
import { levelWidths, type WanVaeConfig } from './config.js';

/** What {@link wanVaeDecoder} is built for. */
export interface DecoderSize {
  readonly chunk: Chunk;
  /** Of the latents. */
  readonly height: number;
  readonly width: number;
  /** For a tile, which is clamped, and opened into pixels, only after blending. */
  readonly tile?: boolean;
}

/**
 * The decoder of AutoencoderKLWan (diffusers 0.42.1) for one latent frame of one clip.
 *
 * Inputs: latents f32 [1, height, width, latentChannels], not normalised, and the cache entries of a steady chunk.
 * Outputs: frames f32 [F, H, W, outChannels] in [-1, 1], F 1 in the first chunk, then a frame per halving of time
 * (4 in the published models), and the next cache entries. A tile's frames are [F, H/patch, W/patch, outChannels·patch²].
 */
export function wanVaeDecoder(
  config: WanVaeConfig,
  { chunk, height, width, tile = false }: DecoderSize,
): Graph {
  return graph(`wan-vae.decoder.${chunk}`, (g) => {
    const w = weightsOf(g);
    const cache = featureCache(w, chunk);
    const latents = g.input('latents', [1, height, width, config.latentChannels]);
    const x = pointwise(w.at('post_quant_conv'), latents, config.latentChannels);
    const y = w.within('decoder', (w) => decode(w, x, config, cache));
    g.output('frames', tile ? y : clamp(unpatchFrames(y, config.patchSize), { min: -1, max: 1 }));
  });
}

function decode(w: Weights, latents: Tensor, config: WanVaeConfig, cache: FeatureCache): Tensor {
  const [first, ...widths] = levelWidths(config, 'decoder');
  let x = causalConvolution(w.at('conv_in'), latents, first, cache); // [1, h, w, first]
  x = w.within('mid_block', (w) => midBlock(w, x, cache));
  const upsampled = config.temporal.toReversed();
  widths.forEach((width, level) => {
    x = w.within(`up_blocks.${level}`, (w) =>
      upLevel(w, x, width, upsampled[level], config, cache),
    ); // [F', 2H, 2W, width or width/2]
  });
  const out = config.outChannels * config.patchSize ** 2;
  return causalConvolution(w.at('conv_out'), normSilu(w.at('norm_out'), x), out, cache); // [F, H/patch, W/patch, out]
}

/** @param temporal whether time is doubled; undefined for the last level, which enlarges nothing */
function upLevel(
  w: Weights,
  input: Tensor,
  width: number,
  temporal: boolean | undefined,
  config: WanVaeConfig,
  cache: FeatureCache,
): Tensor {
  let x = input;
  for (let i = 0; i <= config.resBlocks; i++)
    x = w.within(`resnets.${i}`, (w) => residualBlock(w, x, width, cache));
  if (temporal === undefined) return x;
  if (!config.residual)
    return w.within('upsamplers.0', (w) => upsample(w, x, Math.floor(width / 2), temporal, cache));
  const shortcut = repeatUp(input, width, temporal ? 2 : 1, cache);
  return w.within('upsampler', (w) => upsample(w, x, width, temporal, cache, shortcut));
}
