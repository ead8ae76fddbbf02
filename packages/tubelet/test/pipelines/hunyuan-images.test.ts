import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { randomValues } from '@tubelet/testing';
import { type GenerateRequest, loadPipeline, modelInfo, type Pipeline } from 'tubelet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TinyPipeline, temporaryFolder, writePipeline } from './tiny-folder.js';
import { hunyuan, hunyuanBeside, hunyuanImage } from './tiny-pipelines.js';

const tinies = { hunyuanBeside, hunyuanImage };
type Name = keyof typeof tinies;

const folder = await temporaryFolder();
const at = (name: string) => join(folder.path, name);
const pipes = new Map<Name, Pipeline>();
const options = { threads: 2, maxSequenceLength: 10, dtype: 'f32' } as const;
beforeAll(async () => {
  for (const [name, tiny] of Object.entries(tinies)) {
    await writePipeline(at(name), tiny);
    pipes.set(name as Name, await loadPipeline(at(name), options));
  }
});
afterAll(async () => {
  for (const pipe of pipes.values()) await pipe.dispose();
  await folder.remove();
});
const generate = (name: Name, change: GenerateRequest = {}) =>
  pipes.get(name)!.generate({ ...request, ...change });

function picture(name: string, width: number, height: number) {
  const values = randomValues(name, width * height * 3);
  return { data: Uint8Array.from(values, (value) => 127.5 * (value + 1)), width, height };
}
const request: GenerateRequest = {
  prompt: 'the cat',
  image: picture('first', 40, 22),
  width: 32,
  height: 48,
  numFrames: 9,
  steps: 2,
  seed: 5,
};

describe.for(Object.keys(tinies) as Name[])('%s', (name) => {
  it('sees an image of any shape, and no second one', async () => {
    const { latents } = await generate(name);
    const other = await generate(name, { image: picture('other', 9, 50) });
    expect(other.latents).not.toEqual(latents);
    await expect(generate(name, { lastImage: picture('last', 8, 8) })).rejects.toThrow(
      'lastImage must be = absent for this model, got one',
    );
  });

  it('begins with some of the image in the noise, in given latents too', async () => {
    const latents = new Float32Array(4 * 3 * 6 * 4);
    const seen: Float32Array[] = [];
    for (const image of [request.image!, picture('other', 40, 22)])
      await generate(name, {
        image,
        latents,
        steps: 1,
        onStep: async (step) => void seen.push(await step.latents()),
      });
    expect(seen[0]).not.toEqual(seen[1]);
  });

  it('has the defaults of its pipeline', () => {
    expect(pipes.get(name)).toMatchObject({
      takesImage: true,
      defaults: { width: 1280, height: 720, numFrames: 129, steps: 50, guidanceScale: 1 },
    });
  });

  it('refuses a prompt with an image in it', async () => {
    await expect(generate(name, { prompt: 'a <image> cat' })).rejects.toThrow(
      "<image> tokens of the prompt must be = none but the template's, got 1",
    );
  });

  it('encodes and decodes in tiles', async () => {
    const large = { height: 272, steps: 1 };
    const [plain, tiled] = [
      await generate(name, large),
      await generate(name, { ...large, tiling: true }),
    ];
    expect(tiled.frames).toHaveLength(plain.frames.length);
    expect(tiled.latents).not.toEqual(plain.latents);
  });

  it('takes the embeddings of a black image where none is at hand', async () => {
    const [encoded] = await pipes.get(name)!.encodePrompts(['the cat']);
    expect(encoded!.embeddings.every(Number.isFinite)).toBe(true);
    expect(encoded!.embeddings.length % 16).toBe(0);
  });

  it('is a folder that runs', async () => {
    const info = await modelInfo(at(name));
    expect(info).toMatchObject({ runs: true, problems: [] });
    const llava = info.components.find((component) => component.name === 'text_encoder')!;
    expect(llava.parameters).toBeGreaterThan(1000);
  });
});

it('shows four frames fewer than it makes where the image is beside the latents', async () => {
  const decoded: number[][] = [];
  const { frames, latents } = await generate('hunyuanBeside', {
    numFrames: 5,
    onProgress: ({ stage, done, total }) => {
      if (stage === 'decode') decoded.push([done, total]);
    },
  });
  expect(frames).toHaveLength(1);
  expect(latents).toHaveLength(4 * 2 * 6 * 4);
  expect([decoded[0], decoded.at(-1)]).toEqual([
    [0, 1],
    [1, 1],
  ]);
  await expect(generate('hunyuanBeside', { numFrames: 1 })).rejects.toThrow(
    'numFrames must be = 5 or more for this model, got 1',
  );
  expect((await generate('hunyuanImage', { numFrames: 1 })).frames).toHaveLength(1);
});

it('keeps the first latent frame', async () => {
  const [a, b] = [await generate('hunyuanImage'), await generate('hunyuanImage', { seed: 6 })];
  const first = (values: Float32Array) => values.filter((_, i) => i % (3 * 24) < 24);
  expect(first(a.latents)).toEqual(first(b.latents));
  expect(a.latents).not.toEqual(b.latents);
});

it('warns of a negative prompt without a scale, and guides with one', async () => {
  const negativePrompt = 'a cat';
  const { warnings, latents } = await generate('hunyuanImage', { negativePrompt });
  expect(warnings).toEqual([expect.stringMatching(/^the negative prompt has no effect/)]);
  const guided = await generate('hunyuanImage', { negativePrompt, trueGuidanceScale: 2 });
  expect(guided.warnings).toEqual([]);
  expect(guided.latents).not.toEqual(latents);
});

const changed = (tiny: TinyPipeline, name: string, more: object): TinyPipeline => {
  const [className, config] = tiny.models[name]!;
  return { ...tiny, models: { ...tiny.models, [name]: [className, { ...config, ...more }] } };
};
it.for<readonly [string, TinyPipeline, string]>([
  [
    'a transformer of text alone',
    {
      ...hunyuanImage,
      models: { ...hunyuanImage.models, transformer: hunyuan.models.transformer! },
    },
    'image_condition_type of the transformer must be = latent_concat or token_replace, got null',
  ],
  [
    'a transformer of images in a pipeline of text',
    { ...hunyuan, models: { ...hunyuan.models, transformer: hunyuanImage.models.transformer! } },
    'image_condition_type of the transformer must be = null for this pipeline, got token_replace',
  ],
  [
    'a transformer without room for the image',
    changed(hunyuanBeside, 'transformer', { in_channels: 8 }),
    'in_channels of the transformer must be = 9 for this pipeline, got 8',
  ],
  [
    'no image processor',
    { ...hunyuanImage, imageProcessor: undefined },
    'image_processor of model_index.json must be = CLIPImageProcessor or CLIPImageProcessorFast or CLIPImageProcessorPil, got undefined',
  ],
  [
    'a Llama in place of the Llava',
    {
      ...hunyuanImage,
      models: { ...hunyuanImage.models, text_encoder: hunyuan.models.text_encoder! },
    },
    'text_encoder of model_index.json must be = LlavaForConditionalGeneration, got LlamaModel',
  ],
  [
    'a tokenizer of another model',
    { ...hunyuanImage, tokenizers: { tokenizer: 't5', tokenizer_2: 'clip' } },
    '<|end_header_id|> must be = a token of the tokenizer, got several',
  ],
])('refuses %s', async ([, tiny, message]) => {
  await rm(at('broken'), { recursive: true, force: true });
  await writePipeline(at('broken'), tiny);
  await expect(loadPipeline(at('broken'), options)).rejects.toThrow(message);
});
