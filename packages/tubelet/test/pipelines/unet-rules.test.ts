import { join } from 'node:path';
import {
  clipTextEncoder,
  packClipTexts,
  parseClipTextConfig,
  parseUnetConfig,
  type UnetConfig,
  unet,
  withMotion,
} from '@tubelet/models';
import type { GenerateRequest } from 'tubelet';
import { afterAll, it } from 'vitest';
import {
  configOf,
  expectRules,
  type Ids,
  length,
  type Original,
  pad,
  padded,
  run,
} from './original-rules.js';
import { type TinyPipeline, temporaryFolder } from './tiny-folder.js';
import {
  animateDiff,
  distilled,
  stableDiffusion,
  stableDiffusion2,
  stableDiffusionXl,
  textToVideo,
} from './tiny-unets.js';

const folder = await temporaryFolder();
afterAll(folder.remove);

/** One output of a CLIP of which the last blocks are cut off. */
async function clipState(
  tiny: TinyPipeline,
  part: string,
  ids: readonly number[],
  { skipped = 0, output }: { readonly skipped?: number; readonly output: string },
) {
  const [className, json] = tiny.models[part]!;
  const whole = parseClipTextConfig({ architectures: [className], ...json });
  const config = { ...whole, layers: whole.layers - skipped };
  const { inputs, sizes } = packClipTexts(config, [{ ids: padded(ids, length, pad.clip) }]);
  return run(clipTextEncoder(config, { hiddenStates: true }), inputs, sizes, output);
}

interface Latents {
  readonly frames: number;
  readonly height: number;
  readonly width: number;
}

/** One clip by the U-Net, from channels first to channels last and back. */
async function predictClip(
  config: UnetConfig,
  size: Latents,
  latents: ArrayLike<number>,
  conditions: Readonly<Record<string, ArrayLike<number>>>,
) {
  const places = size.frames * size.height * size.width;
  const channels = latents.length / places;
  const last = Array.from(
    latents,
    (_, i) => latents[(i % channels) * places + Math.floor(i / channels)]!,
  );
  const graph = unet(config, { ...size, textTokens: [length] });
  const found = await run(graph, { ...conditions, latents: last }, {});
  return Float64Array.from(
    found,
    (_, i) => found[(i % places) * channels + Math.floor(i / places)]!,
  );
}

/** Text by one encoder; skipped blocks are the prompt's alone. */
const simple =
  (tiny: TinyPipeline, config: UnetConfig, size: Latents, skipped = 0): Original['predict'] =>
  async (latents, t, ids: Ids, prompt) => {
    const given = { skipped: ids === prompt ? skipped : 0, output: 'hidden' };
    const text = await clipState(tiny, 'text_encoder', ids.tokenizer!, given);
    return predictClip(config, size, latents, { text, timestep: [t] });
  };

/** Both encoders, zeros for an absent negative prompt, and sizes. */
const xl =
  (
    tiny: TinyPipeline,
    size: Latents,
    {
      sizes,
      skipped = 0,
      hasNegative,
    }: { sizes: readonly number[][]; skipped?: number; hasNegative: boolean },
  ): Original['predict'] =>
  async (latents, t, ids, prompt) => {
    const isPrompt = ids === prompt;
    // Of three blocks the second is the last but one.
    const output = `hidden${2 - (isPrompt ? skipped : 0)}`;
    const one = await clipState(tiny, 'text_encoder', ids.tokenizer!, { output });
    const two = await clipState(tiny, 'text_encoder_2', ids.tokenizer_2!, { output });
    const pooled = await clipState(tiny, 'text_encoder_2', ids.tokenizer_2!, {
      output: 'textEmbeds',
    });
    const text = Array.from({ length }, (_, i) => [
      ...one.subarray(16 * i, 16 * i + 16),
      ...two.subarray(8 * i, 8 * i + 8),
    ]).flat();
    const factor = isPrompt || hasNegative ? 1 : 0;
    const conditions = {
      text: text.map((value) => factor * value),
      pooled: pooled.map((value) => factor * value),
      sizes: sizes[isPrompt ? 0 : 1]!,
      timestep: [t],
    };
    return predictClip(parseUnetConfig(configOf(tiny, 'unet')), size, latents, conditions);
  };

const text = { prompt: 'the cats', negativePrompt: 'a cat', seed: 1 };
const picture: GenerateRequest = { ...text, width: 40, height: 24, steps: 6, guidanceScale: 4 };
const small = { frames: 1, height: 3, width: 5 };
const clip: GenerateRequest = { ...picture, numFrames: 3, steps: 2 };
const three = { ...small, frames: 3 };
const [oneClip, threeFrames] = [
  [4, 1, 3, 5],
  [4, 3, 3, 5],
] as const;
const unetOf = (tiny: TinyPipeline) =>
  parseUnetConfig({ _class_name: tiny.models.unet![0], ...configOf(tiny, 'unet') });

/** The scale 3 in 9 features: sines, cosines and a zero. */
function embeddedScale() {
  const angles = [0, 1, 2, 3].map((i) => 2000 * 10000 ** (-i / 3));
  return [...angles.map(Math.sin), ...angles.map(Math.cos), 0];
}

const originals: Readonly<Record<string, Original>> = {
  'Stable Diffusion 1.5': {
    tiny: stableDiffusion,
    request: picture,
    size: oneClip,
    schedule: {},
    predict: simple(stableDiffusion, unetOf(stableDiffusion), small),
  },
  'Stable Diffusion 1.5, a block of CLIP skipped': {
    tiny: stableDiffusion,
    request: { ...picture, clipSkip: 1 },
    size: oneClip,
    schedule: {},
    predict: simple(stableDiffusion, unetOf(stableDiffusion), small, 1),
  },
  'Stable Diffusion 1.5 without guidance': {
    tiny: stableDiffusion,
    request: { ...picture, guidanceScale: 1 },
    size: oneClip,
    schedule: {},
    predict: simple(stableDiffusion, unetOf(stableDiffusion), small),
  },
  'Stable Diffusion 2.1, v-prediction, rescaled guidance': {
    tiny: stableDiffusion2,
    request: { ...picture, guidanceRescale: 0.7 },
    size: oneClip,
    schedule: {},
    scheduler: { ...stableDiffusion2.scheduler, clip_sample: false, steps_offset: 1 },
    predict: simple(stableDiffusion2, unetOf(stableDiffusion2), small),
  },
  'a consistency model': {
    tiny: distilled,
    request: { ...picture, guidanceScale: 3 },
    size: oneClip,
    schedule: {},
    isUnguided: true,
    async predict(latents, t, ids) {
      const state = await clipState(distilled, 'text_encoder', ids.tokenizer!, {
        output: 'hidden',
      });
      const conditions = { text: state, timestep: [t], timeCondition: embeddedScale() };
      return predictClip(unetOf(distilled), small, latents, conditions);
    },
  },
  'Stable Diffusion XL': {
    tiny: stableDiffusionXl,
    request: { ...picture, negativePrompt: undefined },
    size: oneClip,
    schedule: {},
    predict: xl(stableDiffusionXl, small, {
      sizes: [
        [24, 40, 0, 0, 24, 40],
        [24, 40, 0, 0, 24, 40],
      ],
      hasNegative: false,
    }),
  },
  'Stable Diffusion XL, a negative prompt, sizes, a block skipped': {
    tiny: stableDiffusionXl,
    request: {
      ...picture,
      clipSkip: 1,
      guidanceRescale: 0.5,
      sizeConditions: { original: { width: 100, height: 50 }, crop: { left: 7, top: 3 } },
      negativeSizeConditions: { target: { width: 30, height: 20 } },
    },
    size: oneClip,
    schedule: {},
    predict: xl(stableDiffusionXl, small, {
      sizes: [
        [50, 100, 3, 7, 24, 40],
        [24, 40, 0, 0, 20, 30],
      ],
      skipped: 1,
      hasNegative: true,
    }),
  },
  'text to video': {
    tiny: textToVideo,
    request: clip,
    size: threeFrames,
    schedule: {},
    predict: simple(textToVideo, unetOf(textToVideo), three),
  },
  AnimateDiff: {
    tiny: animateDiff,
    request: { ...clip, clipSkip: 2 },
    size: threeFrames,
    schedule: {},
    predict: simple(
      animateDiff,
      withMotion(unetOf(animateDiff), configOf(animateDiff, 'motion_adapter')),
      three,
      2,
    ),
  },
};

it.for(Object.entries(originals))('%s gives what its rules give step by step', ([name, original]) =>
  expectRules(join(folder.path, name), original),
);
