import { join } from 'node:path';
import type { Guidance } from '@tubelet/diffusion';
import {
  clipVisionEncoder,
  packClipImages,
  packWan,
  parseClipVisionConfig,
  parseWanConfig,
  parseWanVaeConfig,
  wanTransformer,
  wanVaeEncoder,
} from '@tubelet/models';
import { interpret, randomValues, randomWeights } from '@tubelet/testing';
import { afterAll, it } from 'vitest';
import { configOf, expectRules, length, type Original, run, t5 } from './original-rules.js';
import { type TinyPipeline, temporaryFolder } from './tiny-folder.js';
import { wanExperts, wanImage, wanImageExperts, wanLast } from './tiny-wan.js';

const folder = await temporaryFolder();
afterAll(folder.remove);

/** A picture of 8x12 pixels, of which a frame of 32x48 makes blocks of 4x4, and the image encoder sees the rows 2 to 9. */
function picture(name: string) {
  const data = Uint8Array.from(randomValues(name, 8 * 12 * 3), (value) => 127.5 * (value + 1));
  return { data, width: 8, height: 12 };
}
type Picture = ReturnType<typeof picture>;
const [first, last] = [picture('first'), picture('last')];

const text = { prompt: 'the cats', negativePrompt: 'a cat', seed: 1, steps: 2 };
const size = { width: 32, height: 48, numFrames: 9 };
const latent = { frames: 3, height: 6, width: 4 };
const area = latent.height * latent.width;

/** The last hidden states but one of each image's tokens. */
async function imageTokens(tiny: TinyPipeline, pictures: readonly Picture[]) {
  const config = parseClipVisionConfig(configOf(tiny, 'image_encoder'));
  const mean = [0.48145466, 0.4578275, 0.40821073];
  const std = [0.26862954, 0.26130258, 0.27577711];
  const pixels = pictures.flatMap(({ data }) =>
    Array.from({ length: 3 * 8 * 8 }, (_, i) => {
      const [channel, y, x] = [Math.floor(i / 64), Math.floor(i / 8) % 8, i % 8];
      return (data[3 * (8 * (y + 2) + x) + channel]! / 255 - mean[channel]!) / std[channel]!;
    }),
  );
  const { inputs, sizes } = packClipImages(config, pictures.length);
  const graph = clipVisionEncoder(config, { hiddenStates: [config.layers - 1] });
  return run(graph, { ...inputs, pixels }, sizes, `hidden${config.layers - 1}`);
}

/** A clip of nine frames, [3, 6, 4] latents of 4 channels: pictures by their frame, grey between them. */
async function clipLatents(tiny: TinyPipeline, pictures: ReadonlyMap<number, Picture>) {
  const config = parseWanVaeConfig(configOf(tiny, 'vae'));
  const frame = (index: number) => {
    const shown = pictures.get(index);
    return Array.from({ length: 48 * 32 * 3 }, (_, i) => {
      const [y, x, channel] = [Math.floor(i / 96), Math.floor(i / 3) % 32, i % 3];
      if (!shown) return 0;
      return (shown.data[3 * (8 * Math.floor(y / 4) + Math.floor(x / 4)) + channel]! / 255) * 2 - 1;
    });
  };
  const known: Record<string, ArrayLike<number>> = {};
  const means: number[] = [];
  for (const frames of [[0], [1, 2, 3, 4], [5, 6, 7, 8]]) {
    const chunk = frames.length === 1 ? 'first' : 'steady';
    const graph = wanVaeEncoder(config, { chunk, height: 48, width: 32 });
    for (const { name, shape } of graph.inputs)
      if (name !== 'frames')
        known[name] ??= new Float64Array(shape.map(Number).reduce((a, b) => a * b));
    const inputs = { ...known, frames: frames.flatMap(frame) };
    const found = await interpret(graph, randomWeights([graph]), inputs, {});
    for (const [name, values] of found)
      if (name.endsWith('.next')) known[name.replace('.next', '')] = values;
    means.push(...found.get('mean')!);
  }
  const places = 3 * area;
  return Array.from({ length: 4 * places }, (_, i) => {
    const [channel, place] = [Math.floor(i / places), i % places];
    return (
      (means[4 * place + channel]! - config.latentsMean[channel]!) / config.latentsStd[channel]!
    );
  });
}

/** Four channels, of each latent frame's four frames; the first frame stands four times. */
function mask(given: readonly number[]): number[] {
  return [0, 1, 2, 3].flatMap((channel) =>
    [0, 1, 2].flatMap((frame) => {
      const shown = frame === 0 ? 0 : 4 * (frame - 1) + 1 + channel;
      return Array<number>(area).fill(given.includes(shown) ? 1 : 0);
    }),
  );
}

async function predict(
  tiny: TinyPipeline,
  name: string,
  ids: readonly number[],
  t: number,
  latents: ArrayLike<number>,
  image?: ArrayLike<number>,
) {
  const config = parseWanConfig(configOf(tiny, name));
  const tokens = image ? { imageTokens: image.length / 16 } : {};
  const { inputs, sizes } = packWan(config, [{ ...latent, textTokens: length, ...tokens }]);
  const embeddings = [...(await t5(tiny, 'text_encoder', ids))];
  while (embeddings.length < length * 24) embeddings.push(0);
  const given = { ...inputs, latents, timestep: [t], text: embeddings, ...(image && { image }) };
  return run(wanTransformer(config), given, sizes);
}

const behindFirst = [...mask([0]), ...(await clipLatents(wanImage, new Map([[0, first]])))];
const behindBoth = [
  ...mask([0, 8]),
  ...(await clipLatents(
    wanImage,
    new Map([
      [0, first],
      [8, last],
    ]),
  )),
];
const oneImage = imageTokens(wanImage, [first]);
const twoImages = imageTokens(wanLast, [first, last]);

/** Each expert with a scale of its own. */
const scales =
  (boundary: number, high: number, low: number): Guidance =>
  (index, { steps }) => {
    const scale = steps[index]!.timestep >= boundary ? high : low;
    return {
      branches: ['conditional', 'unconditional'],
      assignments: [
        {
          kind: 'combine',
          set: 'prediction',
          sum: { unconditional: 1 - scale, conditional: scale },
        },
      ],
    };
  };
const expertAt = (t: number, boundary: number) => (t >= boundary ? 'transformer' : 'transformer_2');

const originals: Readonly<Record<string, Original>> = {
  'I2V of Wan 2.1': {
    tiny: wanImage,
    request: { ...text, ...size, image: first, guidanceScale: 3, steps: 3 },
    size: [4, 3, 6, 4],
    schedule: { precision: 'single' },
    predict: async (latents, t, { tokenizer: ids }) =>
      predict(wanImage, 'transformer', ids!, t, [...latents, ...behindFirst], await oneImage),
  },
  'FLF2V of Wan 2.1, unguided': {
    tiny: wanLast,
    request: { ...text, ...size, image: first, lastImage: last, guidanceScale: 1 },
    size: [4, 3, 6, 4],
    schedule: {},
    predict: async (latents, t, { tokenizer: ids }) =>
      predict(wanLast, 'transformer', ids!, t, [...latents, ...behindBoth], await twoImages),
  },
  'T2V of Wan 2.2 by two experts': {
    tiny: wanExperts,
    request: { ...text, ...size, guidanceScale: 4, guidanceScale2: 1, steps: 4 },
    size: [4, 3, 6, 4],
    schedule: {},
    guidance: scales(875, 4, 1),
    predict: (latents, t, { tokenizer: ids }) =>
      predict(wanExperts, expertAt(t, 875), ids!, t, latents),
  },
  'I2V of Wan 2.2 by two experts, with a last image': {
    tiny: wanImageExperts,
    request: { ...text, ...size, image: first, lastImage: last, guidanceScale: 3, steps: 4 },
    size: [4, 3, 6, 4],
    schedule: {},
    predict: (latents, t, { tokenizer: ids }) =>
      predict(wanImageExperts, expertAt(t, 900), ids!, t, [...latents, ...behindBoth]),
  },
};

it.for(Object.entries(originals))('%s gives what its rules give step by step', ([name, original]) =>
  expectRules(join(folder.path, name), original),
);
