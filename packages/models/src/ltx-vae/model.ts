import {
  clamp,
  columns,
  depthToSpace,
  type Graph,
  graph,
  multiply,
  type Tensor,
  timestepEmbedding,
} from '@tubelet/graph';
import { patchFrames, unpatchFrames } from '../vae/block.js';
import { linearLayer, type Weights, weightsOf } from '../weights.js';
import {
  convolution3d,
  type LtxResnetOptions,
  modulations,
  normSilu,
  resnet,
  shuffleDown,
  shuffleUp,
} from './block.js';
import type { LtxDownLevel, LtxUpLevel, LtxVaeConfig } from './config.js';

/** A clip, or a tile of one; the autoencoder sees all its frames together. */
export interface LtxVaeSize {
  /** Of the input: pixels when encoding, latents when decoding. */
  readonly frames: number;
  readonly height: number;
  readonly width: number;
  /** For a tile, whose log variance is clamped only after blending. */
  readonly tile?: boolean;
}

/**
 * The encoder of AutoencoderKLLTXVideo (diffusers 0.42.1).
 *
 * Input: frames f32 [frames, height, width, inChannels] in [-1, 1].
 * Outputs: mean and logvar f32 [F, h, w, latentChannels], not normalised; the log variance is one for all channels, repeated.
 */
export function ltxVaeEncoder(
  config: LtxVaeConfig,
  { frames, height, width, tile = false }: LtxVaeSize,
): Graph {
  return graph('ltx-vae.encoder', (g) => {
    const w = weightsOf(g);
    const z = config.latentChannels;
    const x = g.input('frames', [frames, height, width, config.inChannels]);
    const moments = w.within('encoder', (w) => encode(w, x, config)); // [F, h, w, z + 1]
    const logvar = depthToSpace(columns(moments, z, 1), { channels: z, repeats: z });
    g.output('mean', columns(moments, 0, z));
    g.output('logvar', tile ? logvar : clamp(logvar, { min: -30, max: 20 }));
  });
}

/**
 * The decoder of AutoencoderKLLTXVideo (diffusers 0.42.1).
 *
 * Inputs: latents f32 [frames, height, width, latentChannels], no longer normalised; with timestep conditioning timestep f32 [1]
 * in 0 to 1; where the config injects noise, standard normal noiseNN f32 [h, w], one for each convolution that takes it, in the order
 * they run.
 * Output: frames f32 [F, H, W, outChannels], about [-1, 1] and not clamped, as in the original.
 */
export function ltxVaeDecoder(config: LtxVaeConfig, { frames, height, width }: LtxVaeSize): Graph {
  return graph('ltx-vae.decoder', (g) => {
    const w = weightsOf(g);
    const latents = g.input('latents', [frames, height, width, config.latentChannels]);
    const y = w.within('decoder', (w) => decode(w, latents, config)); // [F, H/patch, W/patch, outChannels·patch²]
    g.output('frames', unpatchFrames(y, config.patchSize));
  });
}

function encode(w: Weights, frames: Tensor, config: LtxVaeConfig): Tensor {
  const { down, encoderCausal: causal, epsilon, latentChannels } = config;
  const options = { causal, epsilon };
  const [{ width }] = down as [LtxDownLevel];
  let x = patchFrames(frames, config.patchSize); // [F, H/patch, W/patch, inChannels·patch²]
  x = convolution3d(w.at('conv_in'), x, width, causal);
  down.forEach((level, i) => {
    x = w.within(`down_blocks.${i}`, (w) => downLevel(w, x, level, options));
  });
  x = w.within('mid_block', (w) => resnets(w, x, config.encoderMidLayers, options));
  return convolution3d(w.at('conv_out'), normSilu(x), latentChannels + 1, causal); // [F, h, w, z + 1]
}

function downLevel(
  w: Weights,
  input: Tensor,
  level: LtxDownLevel,
  options: LtxResnetOptions,
): Tensor {
  const { width, out, downsample, convOut } = level;
  const { causal } = options;
  let x = resnets(w, input, level.layers, options);
  const at = w.at('downsamplers.0');
  if (downsample === 'conv')
    x = convolution3d(at, x, width, causal, { stride: 2 }); // [(F + 1) / 2, H/2, W/2, width]
  else if (downsample !== null) x = shuffleDown(at, x, out, downsample, causal);
  return convOut ? w.within('conv_out', (w) => resnet(w, x, out, options)) : x;
}

/** [F, H, W, C] -> same */
function resnets(w: Weights, x: Tensor, count: number, options: LtxResnetOptions): Tensor {
  const c = Number(x.shape[3]);
  let y = x;
  for (let i = 0; i < count; i++) y = w.within(`resnets.${i}`, (w) => resnet(w, y, c, options));
  return y;
}

function decode(w: Weights, latents: Tensor, config: LtxVaeConfig): Tensor {
  const { up, decoderCausal: causal, epsilon, outChannels, patchSize } = config;
  const features = config.timestepConditioning ? timestepFeatures(w) : undefined; // [1, 256]
  const noise = noiseInputs(w);
  const options = (w: Weights, width: number, hasNoise: boolean): LtxResnetOptions => ({
    causal,
    epsilon,
    embedded: features && embedTimestep(w, features, 4 * width),
    noise: hasNoise ? noise : undefined,
  });
  const [{ from }] = up as [LtxUpLevel];
  let x = convolution3d(w.at('conv_in'), latents, from, causal); // [F, h, w, from]
  x = w.within('mid_block', (w) => {
    const given = options(w, from, config.decoderMidNoise);
    return resnets(w, x, config.decoderMidLayers, given);
  });
  up.forEach((level, i) => {
    const { factor, residual, width } = level;
    x = w.within(`up_blocks.${i}`, (w) => {
      const given = options(w, width, level.noise);
      if (level.from !== width * factor)
        x = w.within('conv_in', (w) => resnet(w, x, width * factor, given));
      if (level.upsample) x = shuffleUp(w.at('upsamplers.0'), x, { factor, residual, causal }); // [2F - 1, 2H, 2W, width]
      return resnets(w, x, level.layers, given);
    });
  });
  const c = Number(x.shape[3]);
  const [modulation] = features ? modulations(w, embedTimestep(w, features, 2 * c), 1, c) : [];
  const n = normSilu(x, modulation);
  return convolution3d(w.at('conv_out'), n, outChannels * patchSize ** 2, causal);
}

function timestepFeatures(w: Weights): Tensor {
  const scale = w.get('timestep_scale_multiplier', [1], { storedShape: [] });
  return timestepEmbedding(multiply(w.g.input('timestep', [1]), scale), { dim: 256 });
}

/** [1, size] */
function embedTimestep(w: Weights, features: Tensor, size: number): Tensor {
  const at = w.at('time_embedder.timestep_embedder');
  const h = linearLayer(at.at('linear_1'), features, size, { activation: 'silu' });
  return linearLayer(at.at('linear_2'), h, size);
}

/** A new input at every call. */
function noiseInputs({ g }: Weights) {
  let count = 0;
  return (height: number, width: number) =>
    g.input(`noise${String(count++).padStart(2, '0')}`, [height, width]);
}
