import {
  activation,
  add,
  concatColumns,
  type Graph,
  type GraphBuilder,
  graph,
  multiply,
  type Tensor,
} from '@tubelet/graph';
import { type Refuse, refusalBy } from '../bad-input.js';
import { convolution2d } from '../kl-vae/block.js';
import { type Weights, weightsOf } from '../weights.js';
import { temporalAttention } from './attention.js';
import { attentions, enlarged, halved, resnetOf } from './block.js';
import { closeClips, openClips } from './clips.js';
import { embedText, embedTime } from './condition.js';
import type { UnetConfig } from './config.js';
import { type Grid, gridOf, type UnetSize } from './grid.js';
import { normGroups, type UnetRun } from './run.js';

const fail: Refuse = refusalBy('unet');

/** Heads of the attention over frames right after the first convolution. */
const inputHeads = 8;

/** Options of {@link unet}. */
export interface UnetOptions {
  /** Sizes of {@link UnetConfig.sizeConditions}: 6 for SDXL (original, crop, target), 5 for its refiner. @defaultValue 6 */
  readonly sizeCount?: number;
  /**
   * Whether latents and prediction are f32 [elements], each clip's [channels, frames, height, width] one after another, as
   * pipelines have them.
   * @defaultValue false
   */
  readonly channelsFirst?: boolean;
}

/**
 * The U-Nets of diffusers 0.42.1 (Rombach et al. 2022 and their kin): UNet2DConditionModel for pictures, UNet3DConditionModel and
 * UNetMotionModel for clips. A graph is for one size; several pictures or clips of it go in one run.
 *
 * Inputs: latents f32 [clips·frames, height, width, inChannels], timestep f32 [clips], text f32 [textTokens, width], the clips'
 * texts one after another. Where the config has them: timeCondition f32 [clips, timeConditionWidth]; label, i32 [clips] for a
 * table, f32 [clips] for a timestep, else f32 [clips, width]; pooled f32 [clips, width] and sizes f32 [clips, sizeCount].
 * Output: prediction f32 [clips·frames, height, width, outChannels].
 */
export function unet(
  config: UnetConfig,
  size: UnetSize,
  { sizeCount = 6, channelsFirst = false }: UnetOptions = {},
): Graph {
  checkSize(config, size, sizeCount);
  const { height, width, frames = 1, textTokens } = size;
  return graph('unet', (g) => {
    const w = weightsOf(g);
    const clips = textTokens.length;
    const time = embedTime(w, config, clips, sizeCount);
    const run: UnetRun = {
      config,
      time: activation(time, 'silu'), // [clips, timeWidth]
      text: embedText(w, config, textTokens), // [textTokens, crossWidth]
      grid: grids(g, size),
    };
    const { inChannels, outChannels } = config;
    const latents = channelsFirst
      ? openClips(g, size, inChannels)
      : g.input('latents', [clips * frames, height, width, inChannels]);
    const centered = config.centerInput ? center(g, latents) : latents;
    const first = convolution2d(w.at('conv_in'), centered, config.down[0].width, config.inKernel);
    const x = goUp(w, goDown(w, first, run), run);
    const norm = { epsilon: config.epsilon, activation: 'silu' } as const;
    const h = normGroups(w.at('conv_norm_out'), x, config, norm);
    const y = convolution2d(w.at('conv_out'), h, outChannels, config.outKernel);
    g.output('prediction', channelsFirst ? closeClips(g, size, y) : y);
  });
}

/** Down to the middle and through it; what the way up joins is left in order. */
function goDown(w: Weights, first: Tensor, run: UnetRun) {
  const { config } = run;
  const { videoHeadDim, down, mid } = config;
  let x = first;
  if (videoHeadDim !== null) {
    const attention = { heads: inputHeads, blocks: 1 };
    x = w.within('transformer_in', (w) =>
      temporalAttention(w, x, attention, run, inputHeads * videoHeadDim),
    );
  }
  const skips = [x];
  down.forEach(({ width, layers }, level) => {
    w.within(`down_blocks.${level}`, (w) => {
      layers.forEach((layer, i) => {
        x = attentions(w, resnetOf(w, x, width, i, run), layer, i, run);
        skips.push(x);
      });
      if (level === down.length - 1) return;
      x = halved(w.at('downsamplers.0.conv'), x, config);
      skips.push(x);
    });
  });
  if (mid) {
    w.within('mid_block', (w) => {
      x = resnetOf(w, x, mid.width, 0, run);
      mid.layers.forEach((layer, i) => {
        x = resnetOf(w, attentions(w, x, layer, i, run), mid.width, i + 1, run);
      });
    });
  }
  return { x, skips };
}

function goUp(
  w: Weights,
  { x, skips }: { x: Tensor; readonly skips: Tensor[] },
  run: UnetRun,
): Tensor {
  const { up } = run.config;
  up.forEach(({ width, layers }, level) => {
    w.within(`up_blocks.${level}`, (w) => {
      layers.forEach((layer, i) => {
        const both = concatColumns(x, skips.pop() as Tensor);
        x = attentions(w, resnetOf(w, both, width, i, run), layer, i, run);
      });
      if (level === up.length - 1) return;
      x = enlarged(w.at('upsamplers.0.conv'), x, skips[skips.length - 1]);
    });
  });
  return x;
}

/** One grid for each size of picture. */
function grids(g: GraphBuilder, size: UnetSize): UnetRun['grid'] {
  const made = new Map<string, Grid>();
  return ({ shape }) => {
    const [height, width] = [Number(shape[1]), Number(shape[2])];
    const key = `${height}x${width}`;
    const grid = made.get(key) ?? gridOf(g, size, height, width);
    made.set(key, grid);
    return grid;
  };
}

/** [0, 1] to [-1, 1] */
function center(g: GraphBuilder, x: Tensor): Tensor {
  const c = Number(x.shape[3]);
  const all = (name: string, value: number) => g.constant(name, new Float32Array(c).fill(value));
  return add(multiply(x, all('twice', 2)), all('minus_one', -1));
}

function checkSize(config: UnetConfig, size: UnetSize, sizeCount: number): void {
  const { down, padsAround, motionFrames, sizeConditions } = config;
  const { height, width, frames = 1, textTokens } = size;
  if (textTokens.length === 0) fail('texts', 'at least one', 'none');
  for (const count of textTokens) if (!(count >= 1)) fail('text tokens', 'at least one', count);
  const least = padsAround ? 1 : 2 ** (down.length - 1);
  for (const side of [height, width])
    if (!(side >= least)) fail('sides of the latents', `at least ${least}`, side);
  const most = config.videoHeadDim === null ? (motionFrames ?? 1) : Number.POSITIVE_INFINITY;
  const range = most === Number.POSITIVE_INFINITY ? 'at least 1' : `1 to ${most}`;
  if (!(frames >= 1 && frames <= most)) fail('frames', range, frames);
  const pooled = sizeConditions ? sizeConditions.width - sizeCount * sizeConditions.features : 1;
  if (!(sizeCount >= 1 && pooled >= 1))
    fail('size count', `such that pooled text is left of ${sizeConditions?.width}`, sizeCount);
}
