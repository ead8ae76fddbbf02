import { cp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomValues } from '@tubelet/testing';
import { type GenerateRequest, loadPipeline, modelInfo, type Pipeline } from 'tubelet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TinyPipeline, temporaryFolder, writeModel, writePipeline } from './tiny-folder.js';
import { wan, wanExperts, wanImage, wanImageExperts, wanLast } from './tiny-wan.js';
import { safetensors } from './weight-files.js';

const tinies = { wan, wanExperts, wanImage, wanImageExperts, wanLast };
type Name = keyof typeof tinies;

const folder = await temporaryFolder();
const at = (...path: string[]) => join(folder.path, ...path);
const pipes = new Map<Name, Pipeline>();
beforeAll(async () => {
  for (const [name, tiny] of Object.entries(tinies)) {
    await writePipeline(at(name), tiny);
    const pipe = await loadPipeline(at(name), { threads: 2, maxSequenceLength: 10, dtype: 'f32' });
    pipes.set(name as Name, pipe);
  }
});
afterAll(async () => {
  for (const pipe of pipes.values()) await pipe.dispose();
  await folder.remove();
});
const generate = (name: Name, request: GenerateRequest) => pipes.get(name)!.generate(request);

function picture(name: string, width: number, height: number) {
  const values = randomValues(name, width * height * 3);
  return { data: Uint8Array.from(values, (value) => 127.5 * (value + 1)), width, height };
}

const common: GenerateRequest = {
  prompt: 'the cat',
  width: 32,
  height: 48,
  numFrames: 9,
  steps: 4,
  seed: 5,
};
const image = picture('first', 40, 22);
const lastImage = picture('last', 17, 31);
const requests: Readonly<Record<Name, GenerateRequest>> = {
  wan: common,
  wanExperts: common,
  wanImage: { ...common, image },
  wanImageExperts: { ...common, image },
  wanLast: { ...common, image, lastImage },
};
const names = Object.keys(tinies) as Name[];
const ofImages = names.filter((name) => name.includes('Image') || name === 'wanLast');

describe.for(names)('%s', (name) => {
  const request = requests[name];

  it('gives each of several requests the bytes it has alone', async () => {
    const several = [
      request,
      { ...request, height: 32, seed: 6, prompt: 'a', numFrames: 5 },
      { ...request, guidanceScale: 1 },
    ];
    const together = await Promise.all(several.map((each) => generate(name, each)));
    for (const [i, each] of several.entries()) {
      const alone = await generate(name, each);
      expect(alone.latents).toEqual(together[i]!.latents);
      expect(alone.frames).toEqual(together[i]!.frames);
    }
    expect(together.map(({ frames }) => frames.length)).toEqual([9, 5, 9]);
    expect(together[0]!.latents).toHaveLength(4 * 3 * 6 * 4);
    expect(together[2]!.latents).not.toEqual(together[0]!.latents);
  });

  it('follows the seed, and runs in bf16', async () => {
    const { latents } = await generate(name, request);
    expect((await generate(name, { ...request, seed: 6 })).latents).not.toEqual(latents);
    await using pipe = await loadPipeline(at(name), {
      threads: 2,
      maxSequenceLength: 10,
      dtype: 'bf16',
    });
    const other = await pipe.generate(request);
    const largest = latents.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const error = latents.reduce(
      (most, value, i) => Math.max(most, Math.abs(value - other.latents[i]!)),
      0,
    );
    expect(error / largest).toBeLessThan(0.1);
  });

  it('is answered by step caches: never from the first block at 0, always in the end at 9', async () => {
    const { latents } = await generate(name, request);
    const reused: boolean[] = [];
    const cached = (threshold: number) =>
      generate(name, {
        ...request,
        cache: { kind: 'first-block', threshold },
        onStep: ({ isReused }) => void reused.push(isReused),
      });
    expect((await cached(0)).latents).toEqual(latents);
    expect(reused.splice(0)).toEqual([false, false, false, false]);
    await cached(9);
    expect(reused.at(-1)).toBe(true);
    const taylor = await generate(name, { ...request, cache: { kind: 'taylor', interval: 2 } });
    expect(taylor.latents.every(Number.isFinite)).toBe(true);
  });

  it.for<readonly [string, object, RegExp]>([
    ['frames', { numFrames: 8 }, /numFrames must be = 4k \+ 1 up to .*, the nearest being 5 and 9/],
    ['a width', { width: 40 }, /width must be = a multiple of 16/],
    ['a scale', { guidanceScale2: -1 }, /guidanceScale2 must be = /],
  ])('refuses %s', async ([, change, message]) => {
    await expect(generate(name, { ...request, ...change })).rejects.toThrow(message);
  });
});

describe.for(ofImages)('%s', (name) => {
  const request = requests[name];

  it('sees the image, whatever its shape, and refuses to be without one', async () => {
    const { latents } = await generate(name, request);
    const other = await generate(name, { ...request, image: picture('other', 9, 50) });
    expect(other.latents).not.toEqual(latents);
    await expect(generate(name, { ...request, image: undefined })).rejects.toThrow(
      '[generate] image must be = given for this model, got none',
    );
    await expect(generate(name, { ...request, image: new Uint8Array(3) })).rejects.toMatchObject({
      code: 'BAD_INPUT',
    });
  });

  it('takes values of the size as it takes their bytes', async () => {
    const bytes = picture('exact', 32, 48);
    const values = { ...bytes, data: Float32Array.from(bytes.data, (byte) => byte / 255) };
    const [a, b] = [
      await generate(name, { ...request, image: bytes }),
      await generate(name, { ...request, image: values }),
    ];
    const error = a.latents.reduce(
      (most, value, i) => Math.max(most, Math.abs(value - b.latents[i]!)),
      0,
    );
    expect(error).toBeLessThan(1e-4);
  });

  it('encodes and decodes in tiles', async () => {
    const large = { ...request, height: 272, numFrames: 5, steps: 1 };
    const [plain, tiled] = [
      await generate(name, large),
      await generate(name, { ...large, tiling: true }),
    ];
    expect(tiled.frames).toHaveLength(5);
    expect(tiled.latents).not.toEqual(plain.latents);
  });

  it('makes a still, but not between two images', async () => {
    const still = { ...request, numFrames: 1 };
    if (request.lastImage === undefined)
      expect((await generate(name, still)).frames).toHaveLength(1);
    else
      await expect(generate(name, still)).rejects.toThrow(
        'numFrames must be = more than 1 with lastImage, got 1',
      );
  });
});

describe('a last image', () => {
  it.for(['wanLast', 'wanImageExperts'] as const)('is seen by %s', async (name) => {
    const [a, b] = [
      await generate(name, { ...requests[name], lastImage }),
      await generate(name, { ...requests[name], lastImage: picture('another', 64, 64) }),
    ];
    expect(a.latents).not.toEqual(b.latents);
    const small = { data: new Float32Array(12), width: 2, height: 2 };
    await expect(generate(name, { ...requests[name], lastImage: small })).rejects.toThrow(
      'lastImage must be = 32x48x3 values in [0, 1], got 2x2, 12 values',
    );
  });

  it('is needed where the tokens of two images have positions, and refused where there is no place', async () => {
    await expect(generate('wanLast', requests.wanImage)).rejects.toThrow(
      'lastImage must be = given for this model, got none',
    );
    for (const name of ['wan', 'wanImage'] as const)
      await expect(generate(name, { ...requests[name], lastImage })).rejects.toThrow(
        'lastImage must be = absent for this model, got one',
      );
    expect([...pipes].filter(([, pipe]) => pipe.takesLastImage).map(([name]) => name)).toEqual([
      'wanImageExperts',
      'wanLast',
    ]);
  });

  it('is an option of no text to video', async () => {
    await expect(generate('wan', { ...common, image })).rejects.toThrow(
      'image must be = absent for this model, got one',
    );
  });
});

describe('two experts', () => {
  it('have a guidance scale each', async () => {
    const request = { ...common, guidanceScale: 4 };
    const { latents } = await generate('wanExperts', request);
    const same = await generate('wanExperts', { ...request, guidanceScale2: 4 });
    expect(same.latents).toEqual(latents);
    const steps: Float32Array[][] = [];
    for (const guidanceScale2 of [1, 3]) {
      const seen: Float32Array[] = [];
      await generate('wanExperts', {
        ...request,
        guidanceScale2,
        onStep: async ({ latents }) => void seen.push(await latents()),
      });
      steps.push(seen);
    }
    // The second expert takes over at the third step.
    expect(steps[0]!.slice(0, 2)).toEqual(steps[1]!.slice(0, 2));
    expect(steps[0]![2]).not.toEqual(steps[1]![2]);
    const off = { ...request, guidanceScale: 1 };
    expect((await generate('wanExperts', { ...off, guidanceScale2: 7 })).latents).toEqual(
      (await generate('wanExperts', off)).latents,
    );
    const scheduler = { ...wanExperts.scheduler, num_train_timesteps: 500 };
    await expect(generate('wanExperts', { ...common, scheduler })).rejects.toThrow(
      "num_train_timesteps of the scheduler must be = the model's scheduler's, got 500",
    );
    await expect(generate('wan', { ...common, guidanceScale2: 2 })).rejects.toThrow(
      'guidanceScale2 must be = absent for this model, got one',
    );
  });

  it('take weights and LoRAs of their own', async () => {
    const options = { threads: 1, maxSequenceLength: 10, dtype: 'f32' } as const;
    const { latents } = await generate('wanExperts', common);
    const path = at('transformer2.safetensors');
    const [, config] = wanExperts.models.transformer_2!;
    await writeModel(at('changed'), 'transformer_2', 'WanTransformer3DModel', config, {
      'blocks.0.attn1.norm_q.weight': [24],
    });
    await rename(at('changed', 'transformer_2', 'model.safetensors'), path);
    await using same = await loadPipeline(at('wanExperts'), { ...options, transformer2: path });
    expect((await same.generate(common)).latents).toEqual(latents);

    const lora = at('lora.safetensors');
    const [down, up] = ['lora_A', 'lora_B'].map(
      (name) => `transformer.blocks.2.attn1.to_q.${name}.weight`,
    );
    const values = (shape: readonly number[]) => ({ shape, data: new Float32Array(24).fill(1) });
    await writeFile(lora, safetensors({ [down!]: values([1, 24]), [up!]: values([24, 1]) }));
    await using merged = await loadPipeline(at('wanExperts'), {
      ...options,
      loras2: [{ path: lora }],
    });
    expect((await merged.generate(common)).latents).not.toEqual(latents);
    // The first expert has no third block.
    await expect(loadPipeline(at('wanExperts'), { loras: [{ path: lora }] })).rejects.toThrow(
      /2 that map to no layer/,
    );
    for (const given of [{ transformer2: path }, { loras2: [{ path: lora }] }])
      await expect(loadPipeline(at('wan'), given)).rejects.toThrow(
        `${Object.keys(given)[0]} must be = absent for a model of one transformer`,
      );
  });

  it('are one without a boundary', async () => {
    const one = { ...wanExperts, index: { boundary_ratio: null } };
    await writePipeline(at('one'), one);
    await using pipe = await loadPipeline(at('one'), {
      threads: 1,
      maxSequenceLength: 10,
      dtype: 'f32',
    });
    expect((await pipe.generate(common)).latents).toEqual((await generate('wan', common)).latents);
  });
});

describe('a folder that does not fit together', () => {
  const written = async (tiny: TinyPipeline, index?: (json: Record<string, unknown>) => void) => {
    const directory = at('broken');
    await rm(directory, { recursive: true, force: true });
    await writePipeline(directory, tiny);
    if (index) {
      const path = join(directory, 'model_index.json');
      const json = JSON.parse(await readFile(path, 'utf8'));
      index(json);
      await writeFile(path, JSON.stringify(json));
    }
    return directory;
  };
  const changed = (tiny: TinyPipeline, name: string, options: object): TinyPipeline => {
    const [className, config] = tiny.models[name]!;
    return { ...tiny, models: { ...tiny.models, [name]: [className, { ...config, ...options }] } };
  };

  it.for<readonly [string, () => Promise<string>, string]>([
    [
      'no image encoder',
      () => written(wanImage, (json) => delete json.image_encoder),
      '[model_index.json] image_encoder must be = there where the transformer has an image_dim, got none',
    ],
    [
      'no image processor',
      () => written({ ...wanImage, imageProcessor: undefined }),
      '[model_index.json] image_processor must be = there where the transformer has an image_dim, got none',
    ],
    [
      'no second expert',
      () => written(wanImageExperts, (json) => delete json.transformer_2),
      '[model_index.json] transformer_2 must be = there where boundary_ratio is, got none',
    ],
    [
      'a boundary',
      () => written({ ...wanExperts, index: { boundary_ratio: 900 } }),
      '[model_index.json] boundary_ratio must be = null or a number from 0 to 1, got 900',
    ],
  ])('%s: info and loadPipeline say so', async ([, write, message]) => {
    const directory = await write();
    const { runs, problems } = await modelInfo(directory);
    expect(runs).toBe(false);
    expect(problems).toEqual([message]);
    await expect(loadPipeline(directory)).rejects.toThrow(message);
  });

  it.for<readonly [string, TinyPipeline, string]>([
    [
      'the image encoder of another width',
      changed(wanImage, 'image_encoder', { hidden_size: 24 }),
      'image_dim of the transformer must be = 24 for this pipeline, got 16',
    ],
    [
      'positions for another number of tokens',
      changed(wanLast, 'image_encoder', { image_size: 8, patch_size: 8 }),
      'pos_embed_seq_len of the transformer must be = 4 for this pipeline, got 10',
    ],
    [
      'images of another size than the encoder takes',
      changed(wanImage, 'image_encoder', { image_size: 16 }),
      'crop_size must be = 16x16 for the image encoder, got 8x8',
    ],
    [
      'a transformer of text alone',
      { ...wan, className: 'WanImageToVideoPipeline' },
      'in_channels of the transformer must be = 12 for this pipeline, got 4',
    ],
    [
      'a transformer of images in a pipeline of text',
      { ...wanImageExperts, className: 'WanPipeline' },
      'in_channels of the transformer must be = 4 for this pipeline, got 12',
    ],
    [
      'experts of other latents',
      changed(wanExperts, 'transformer_2', { in_channels: 8 }),
      'in_channels of transformer_2 must be = 4 for this pipeline, got 8',
    ],
  ])('%s', async ([, tiny, message]) => {
    await expect(loadPipeline(await written(tiny))).rejects.toThrow(message);
  });

  it('without its preprocessor_config.json', async () => {
    const directory = at('without');
    await cp(at('wanImage'), directory, { recursive: true });
    await rm(join(directory, 'image_processor'), { recursive: true });
    const { problems } = await modelInfo(directory);
    expect(problems).toEqual([
      expect.stringMatching(/^image_processor: .*preprocessor_config\.json must be = there/),
    ]);
    await expect(loadPipeline(directory)).rejects.toThrow(
      /preprocessor_config\.json must be = there/,
    );
  });
});

it('tells what every folder is', async () => {
  for (const name of names) {
    const info = await modelInfo(at(name));
    expect(info).toMatchObject({ runs: true, problems: [] });
    const parts = info.components.map((component) => component.name);
    expect(parts.includes('image_encoder')).toBe(name === 'wanImage' || name === 'wanLast');
    expect(parts.includes('transformer_2')).toBe(name.includes('Experts'));
  }
});
