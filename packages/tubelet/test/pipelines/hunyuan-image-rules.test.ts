import { join } from 'node:path';
import {
  hunyuanTransformer,
  hunyuanVaeEncoder,
  llavaEncoder,
  llavaImages,
  packHunyuan,
  packLlavaImages,
  packLlavaTexts,
  parseHunyuanConfig,
  parseHunyuanVaeConfig,
  parseLlavaConfig,
} from '@tubelet/models';
import { interpret, randomValues, randomWeights } from '@tubelet/testing';
import { afterAll, it } from 'vitest';
import { hunyuanImageTemplate } from '../../src/pipelines/hunyuan/image-prompts.js';
import {
  clip,
  configOf,
  expectRules,
  type Ids,
  length,
  type Original,
  pad,
  padded,
  run,
} from './original-rules.js';
import { imageToken, type TinyPipeline, temporaryFolder } from './tiny-folder.js';
import { hunyuanBeside, hunyuanImage } from './tiny-pipelines.js';

const folder = await temporaryFolder();
afterAll(folder.remove);

/** 8x12 pixels, of which a frame of 32x48 makes blocks of 4x4, and the Llava sees the rows 2 to 9. */
const picture = {
  data: Uint8Array.from(randomValues('picture', 8 * 12 * 3), (value) => 127.5 * (value + 1)),
  width: 8,
  height: 12,
};
const black = { ...picture, data: new Uint8Array(8 * 12 * 3) };

const [frames, area, channels] = [3, 24, 4];

/** The image's latents: [4, 6, 4]. */
async function imageLatents(): Promise<number[]> {
  const config = parseHunyuanVaeConfig(configOf(hunyuanImage, 'vae'));
  const graph = hunyuanVaeEncoder(config, { frames: 1, height: 48, width: 32 });
  const pictures = Array.from({ length: 48 * 32 * 3 }, (_, i) => {
    const [y, x, channel] = [Math.floor(i / 96), Math.floor(i / 3) % 32, i % 3];
    const at = 3 * (8 * Math.floor(y / 4) + Math.floor(x / 4)) + channel;
    return (picture.data[at]! / 255) * 2 - 1;
  });
  const found = await interpret(graph, randomWeights([graph]), { pictures }, {});
  const mean = found.get('mean')!;
  return Array.from({ length: channels * area }, (_, i) => {
    const [channel, place] = [Math.floor(i / area), i % area];
    return mean[place * channels + channel]! * config.scalingFactor;
  });
}
const image = await imageLatents();

/** Channel and frame of each latent, and its place in the image. */
function each(latents: ArrayLike<number>, value: (frame: number, of: number, i: number) => number) {
  return Float64Array.from({ length: latents.length }, (_, i) => {
    const [channel, frame] = [Math.floor(i / (frames * area)), Math.floor(i / area) % frames];
    return value(frame, image[channel * area + (i % area)]!, i);
  });
}
const begin = (latents: Float64Array) =>
  each(latents, (_, of, i) => Math.fround(0.999) * latents[i]! + (1 - Math.fround(0.999)) * of);
const replaced = (latents: Float64Array) =>
  each(latents, (frame, of, i) => (frame === 0 ? of : latents[i]!));

/** One of `every` tokens of the image, the prompt, and what comes behind the assistant's turn. */
async function told(
  tiny: TinyPipeline,
  ids: readonly number[],
  shown: typeof picture,
  every: number,
) {
  const config = parseLlavaConfig(configOf(tiny, 'text_encoder'));
  const mean = [0.48145466, 0.4578275, 0.40821073];
  const std = [0.26862954, 0.26130258, 0.27577711];
  const pixels = Array.from({ length: 3 * 8 * 8 }, (_, i) => {
    const [channel, y, x] = [Math.floor(i / 64), Math.floor(i / 8) % 8, i % 8];
    return (shown.data[3 * (8 * (y + 2) + x) + channel]! / 255 - mean[channel]!) / std[channel]!;
  });
  const seen = packLlavaImages(config, 1);
  const features = await run(
    llavaImages(config),
    { ...seen.inputs, pixels },
    seen.sizes,
    'features',
  );
  const expanded = ids.flatMap((id) => (id === imageToken ? Array<number>(4).fill(id) : [id]));
  const { inputs, sizes } = packLlavaTexts(config, [{ ids: expanded }]);
  const graph = llavaEncoder(config, { blocks: 1 });
  const hidden = await run(graph, { ...inputs, features }, sizes, 'hidden');
  const row = (t: number) => [...hidden.subarray(16 * t, 16 * (t + 1))];
  const at = expanded.indexOf(imageToken);
  const cut = hunyuanImageTemplate.tokens + 3;
  // <|end_header_id|> is the third of the marks; a prompt that was cut has lost its last.
  const ends = [...expanded.keys()].filter((t) => expanded[t] === imageToken + 2);
  const turn = ends.length === 3 ? ends[2]! + 1 : expanded.length;
  const kept = [...expanded.keys()].filter(
    (t) =>
      (t >= at && t < at + 4 && (t - at) % every === 0) || (t >= cut && t < turn - 4) || t >= turn,
  );
  return kept.flatMap(row);
}

async function predict(
  tiny: TinyPipeline,
  { tokenizer, tokenizer_2 }: Ids,
  prompt: Ids,
  t: number,
  latents: ArrayLike<number>,
) {
  const config = parseHunyuanConfig(configOf(tiny, 'transformer'));
  const isPrompt = tokenizer === prompt.tokenizer;
  const every = isPrompt && config.imageCondition === 'token_replace' ? 4 : 2;
  const text = await told(tiny, tokenizer!, isPrompt ? picture : black, every);
  const pooled = await clip(tiny, 'text_encoder_2', padded(tokenizer_2!, 12, pad.clip), 'pooled');
  const clips = [{ frames, height: 6, width: 4, textTokens: text.length / 16 }];
  const { inputs, sizes } = packHunyuan(config, clips);
  const given = {
    ...inputs,
    ...(config.guidance && { guidance: [5000] }),
    latents,
    timestep: [t],
    pooled,
    text,
  };
  return run(hunyuanTransformer(config), given, sizes);
}

const request = {
  prompt: 'the cats',
  negativePrompt: 'a cat',
  seed: 1,
  steps: 2,
  width: 32,
  height: 48,
  numFrames: 9,
  image: picture,
  guidanceScale: 5,
};
const shared = { size: [channels, frames, 6, 4], schedule: { sigmas: [1, 0.5] }, begin } as const;
const behind = [
  ...each({ length: channels * frames * area }, (frame, of) => (frame === 0 ? of : 0)),
  ...Array.from({ length: frames * area }, (_, i) => (i < area ? 1 : 0)),
];

const originals: Readonly<Record<string, Original>> = {
  'the first latent frame': {
    ...shared,
    tiny: hunyuanImage,
    request: { ...request, trueGuidanceScale: 2 },
    end: replaced,
    predict: (latents, t, ids, prompt) => predict(hunyuanImage, ids, prompt, t, replaced(latents)),
  },
  'the first latent frame, of a prompt that is cut': {
    ...shared,
    tiny: hunyuanImage,
    request: { ...request, prompt: 'the cats '.repeat(length), trueGuidanceScale: 1 },
    end: replaced,
    predict: (latents, t, ids, prompt) => predict(hunyuanImage, ids, prompt, t, replaced(latents)),
  },
  'channels beside the latents': {
    ...shared,
    tiny: hunyuanBeside,
    request: { ...request, trueGuidanceScale: 2 },
    predict: (latents, t, ids, prompt) =>
      predict(hunyuanBeside, ids, prompt, t, [...latents, ...behind]),
  },
};

it.for(Object.entries(originals))(
  'HunyuanVideo of an image as %s gives what its rules give',
  ([name, original]) => expectRules(join(folder.path, name), original),
);
