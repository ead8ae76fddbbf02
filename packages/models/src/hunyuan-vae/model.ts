import { clamp, columns, type Graph, graph, type Tensor } from '@tubelet/graph';
import { type Weights, weightsOf } from '../weights.js';
import {
  causalConvolution,
  midBlock,
  normSilu,
  pointwise,
  resnet,
  type VaeLayers,
  vaeLayers,
} from './block.js';
import { type HunyuanVaeConfig, levelFactors } from './config.js';

/** A clip, or a part of one, of one run. */
export interface HunyuanVaeSize {
  /** Of the input: pictures when encoding, latents when decoding. */
  readonly frames: number;
  readonly height: number;
  readonly width: number;
  /** For a part, whose log variance is clamped only after blending. */
  readonly tile?: boolean;
}

/**
 * The encoder of AutoencoderKLHunyuanVideo (diffusers 0.42.1). Its norms are over all frames, so a clip is never cut into
 * chunks with a cache; `planHunyuanEncode` cuts long and large ones as the original does.
 *
 * Input: pictures f32 [frames, height, width, inChannels] in [-1, 1].
 * Outputs: mean and logvar f32 [F, h, w, latentChannels], F = 1 + (frames - 1) / 4 rounded down, not scaled.
 */
export function hunyuanVaeEncoder(
  config: HunyuanVaeConfig,
  { frames, height, width, tile = false }: HunyuanVaeSize,
): Graph {
  return graph('hunyuan-vae.encoder', (g) => {
    const w = weightsOf(g);
    const z = config.latentChannels;
    const layers = vaeLayers(g, config);
    const pictures = g.input('pictures', [frames, height, width, config.inChannels]);
    const h = w.within('encoder', (w) => encode(w, pictures, layers)); // [F, h, w, 2z]
    const moments = pointwise(w.at('quant_conv'), h, 2 * z);
    const logvar = columns(moments, z, z);
    g.output('mean', columns(moments, 0, z)); // [F, h, w, z]
    g.output('logvar', tile ? logvar : clamp(logvar, { min: -30, max: 20 }));
  });
}

/**
 * The decoder of AutoencoderKLHunyuanVideo (diffusers 0.42.1).
 *
 * Input: latents f32 [frames, height, width, latentChannels], no longer scaled.
 * Output: pictures f32 [1 + 4·(frames - 1), H, W, outChannels], about [-1, 1] and not clamped, as in the original.
 */
export function hunyuanVaeDecoder(
  config: HunyuanVaeConfig,
  { frames, height, width }: HunyuanVaeSize,
): Graph {
  return graph('hunyuan-vae.decoder', (g) => {
    const w = weightsOf(g);
    const z = config.latentChannels;
    const latents = g.input('latents', [frames, height, width, z]);
    const x = pointwise(w.at('post_quant_conv'), latents, z);
    g.output(
      'pictures',
      w.within('decoder', (w) => decode(w, x, vaeLayers(g, config))),
    );
  });
}

function encode(w: Weights, pictures: Tensor, layers: VaeLayers): Tensor {
  const { config } = layers;
  const { widths, layersPerBlock, latentChannels } = config;
  let x = causalConvolution(w.at('conv_in'), pictures, widths[0], layers); // [F, H, W, widths[0]]
  widths.forEach((width, level) => {
    w.within(`down_blocks.${level}`, (w) => {
      for (let i = 0; i < layersPerBlock; i++)
        x = w.within(`resnets.${i}`, (w) => resnet(w, x, width, layers));
      const { time, space } = levelFactors(config, level);
      if (time * space === 1) return;
      const stride = { strideT: time, strideH: space, strideW: space };
      x = causalConvolution(w.at('downsamplers.0.conv'), x, width, layers, stride); // [F', H/2, W/2, width]
    });
  });
  x = w.within('mid_block', (w) => midBlock(w, x, layers));
  const h = normSilu(w.at('conv_norm_out'), x, layers);
  return causalConvolution(w.at('conv_out'), h, 2 * latentChannels, layers); // [F, h, w, 2z]
}

function decode(w: Weights, latents: Tensor, layers: VaeLayers): Tensor {
  const { config } = layers;
  const { layersPerBlock, outChannels } = config;
  const widths = config.widths.toReversed();
  let x = causalConvolution(w.at('conv_in'), latents, widths[0], layers); // [F, h, w, widths[0]]
  x = w.within('mid_block', (w) => midBlock(w, x, layers));
  widths.forEach((width, level) => {
    w.within(`up_blocks.${level}`, (w) => {
      for (let i = 0; i <= layersPerBlock; i++)
        x = w.within(`resnets.${i}`, (w) => resnet(w, x, width, layers));
      const factors = levelFactors(config, level);
      if (factors.time * factors.space === 1) return;
      x = causalConvolution(w.at('upsamplers.0.conv'), x, width, layers, { factors }); // [F', 2H, 2W, width]
    });
  });
  const h = normSilu(w.at('conv_norm_out'), x, layers);
  return causalConvolution(w.at('conv_out'), h, outChannels, layers); // [F, H, W, outChannels]
}
