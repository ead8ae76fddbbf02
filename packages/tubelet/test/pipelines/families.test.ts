import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type GenerateRequest, loadPipeline, type Pipeline } from 'tubelet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TinyPipeline, temporaryFolder, writePipeline } from './tiny-folder.js';
import {
  cogvideox,
  cogvideox15,
  cogvideoxImage,
  flux,
  hunyuan,
  hunyuanBeside,
  hunyuanImage,
  latte,
  ltx,
  mochi,
  pixart,
  sd3,
} from './tiny-pipelines.js';
import { safetensors } from './weight-files.js';

interface FamilyCase {
  readonly tiny: TinyPipeline;
  readonly request: GenerateRequest;
  readonly frames: number;
  /** Whether the seed matters beside given latents: to a scheduler that adds noise, or to an image's encoding. */
  readonly draws?: boolean;
  /** What becomes of an image: a first frame that is held, or channels beside the latents. */
  readonly image?: 'held' | 'beside';
  /** What makes a request larger than a tile. */
  readonly large?: Partial<GenerateRequest>;
}

const image: GenerateRequest = { prompt: 'the cat', width: 64, height: 48, steps: 2, seed: 5 };
const clip: GenerateRequest = { ...image, width: 32, numFrames: 9 };
function grey(byte: number) {
  return { data: new Uint8Array(32 * 48 * 3).fill(byte), width: 32, height: 48 };
}

const coloured = { ...grey(0), data: grey(0).data.map((_, i) => (37 * i) % 256) };

const families = {
  cogvideox: { tiny: cogvideox, request: clip, frames: 9, draws: true },
  cogvideox15: { tiny: cogvideox15, request: clip, frames: 9 },
  cogvideoxImage: {
    tiny: cogvideoxImage,
    request: { ...clip, image: grey(60) },
    frames: 9,
    draws: true,
    image: 'beside',
  },
  flux: { tiny: flux, request: image, frames: 1 },
  hunyuan: { tiny: hunyuan, request: clip, frames: 9, large: { height: 272, numFrames: 21 } },
  // Four frames are made and not shown.
  hunyuanBeside: {
    tiny: hunyuanBeside,
    request: { ...clip, image: coloured, guidanceScale: 5 },
    frames: 5,
    large: { numFrames: 21 },
    image: 'beside',
  },
  hunyuanImage: {
    tiny: hunyuanImage,
    request: { ...clip, image: coloured, guidanceScale: 5 },
    frames: 9,
    large: { numFrames: 21 },
    image: 'beside',
  },
  latte: { tiny: latte, request: { ...image, width: 32, numFrames: 3 }, frames: 3 },
  ltx: { tiny: ltx, request: clip, frames: 9, large: { width: 520 }, image: 'held' },
  mochi: { tiny: mochi, request: { ...clip, numFrames: 13 }, frames: 13, large: { width: 272 } },
  pixart: { tiny: pixart, request: image, frames: 1 },
  sd3: { tiny: sd3, request: image, frames: 1 },
} satisfies Record<string, FamilyCase>;
type Family = keyof typeof families;

const pipes = new Map<Family, Pipeline>();
const folder = await temporaryFolder();
beforeAll(async () => {
  for (const [name, { tiny }] of Object.entries(families)) {
    await writePipeline(join(folder.path, name), tiny);
    pipes.set(
      name as Family,
      await loadPipeline(join(folder.path, name), { threads: 2, maxSequenceLength: 10 }),
    );
  }
});
afterAll(async () => {
  for (const pipe of pipes.values()) await pipe.dispose();
  await folder.remove();
});

it.for(['hunyuan', 'sd3'] as const)('%s refuses a text length', async (name) => {
  const options = { threads: 1, maxSequenceLength: 513 };
  await expect(loadPipeline(join(folder.path, name), options)).rejects.toThrow(
    /maxSequenceLength must be = a whole number from 1 to 512, got 513/,
  );
});

it('of one block has nothing behind it to reuse', async () => {
  const [className, config] = pixart.models.transformer!;
  const transformer = [className, { ...config, num_layers: 1 }] as const;
  const single = { ...pixart, models: { ...pixart.models, transformer } };
  await writePipeline(join(folder.path, 'single'), single);
  await using pipe = await loadPipeline(join(folder.path, 'single'), { threads: 1 });
  const cache = { kind: 'first-block', threshold: 0.1 } as const;
  expect(() => pipe.check({ ...image, cache })).toThrow(/kind must be = taylor for this model/);
});

describe.for(Object.keys(families) as Family[])('%s', (name) => {
  const pipe = () => pipes.get(name)!;
  const {
    request,
    frames: count,
    draws = false,
    large = {},
    image: role,
  }: FamilyCase = families[name];
  const { width: wide = 0, height: high = 0 } = request;

  it('makes frames of the size asked for', async () => {
    const { frames, width, height, latents } = await pipe().generate(request);
    expect(frames.map((frame) => frame.length)).toEqual(Array(count).fill(wide * high * 3));
    expect({ width, height }).toEqual({ width: wide, height: high });
    expect(latents.every(Number.isFinite)).toBe(true);
    expect(new Set(frames.at(-1)).size).toBeGreaterThan(16);
  });

  it('takes LoRAs: those of another model are refused by their names', async () => {
    const path = join(folder.path, 'other-lora.safetensors');
    const values = { shape: [1, 1], data: Float32Array.of(1) };
    await writeFile(path, safetensors({ 'transformer.other.lora_A.weight': values }));
    await expect(loadPipeline(join(folder.path, name), { loras: [{ path }] })).rejects.toThrow(
      /1 that map to no layer: transformer\.other\.lora_A\.weight/,
    );
    const transformer = join(folder.path, 'none.safetensors');
    await expect(loadPipeline(join(folder.path, name), { transformer })).rejects.toThrow(
      /none\.safe/,
    );
  });

  it('gives each of several requests the bytes it has alone', async () => {
    const requests = [
      request,
      { ...request, height: 32, seed: 6, prompt: 'a' },
      { ...request, guidanceScale: 1 },
    ];
    const together = await Promise.all(requests.map((each) => pipe().generate(each)));
    for (const [i, each] of requests.entries()) {
      const alone = await pipe().generate(each);
      expect(alone.latents).toEqual(together[i]!.latents);
      expect(alone.frames).toEqual(together[i]!.frames);
    }
    expect(together[1]!.frames).not.toEqual(together[0]!.frames);
    expect(together[2]!.frames).not.toEqual(together[0]!.frames);
  });

  it('reuses its blocks behind the first one, and with threshold 0 gives the bytes of no cache', async () => {
    const cached = async (threshold: number) => {
      const reused: boolean[] = [];
      const { latents } = await pipe().generate({
        ...request,
        steps: 4,
        cache: { kind: 'first-block', threshold },
        onStep: ({ isReused }) => void reused.push(isReused),
      });
      return { latents, reused };
    };
    const { latents } = await pipe().generate({ ...request, steps: 4 });
    const exact = await cached(0);
    expect(exact.latents).toEqual(latents);
    expect(new Set(exact.reused)).toEqual(new Set([false]));
    const coarse = await cached(1e6);
    expect(coarse.reused).toEqual(exact.reused.map((_, i) => i > 0));
    expect(coarse.latents).not.toEqual(latents);
    expect(coarse.latents.every(Number.isFinite)).toBe(true);
  });

  it('follows prompt, seed and given latents', async () => {
    const { latents } = await pipe().generate(request);
    const other = await pipe().generate({ ...request, prompt: 'the cats' });
    expect(other.latents).not.toEqual(latents);
    const given = new Float32Array(latents.length).fill(0.5);
    const [a, b] = [
      await pipe().generate({ ...request, latents: given, seed: 1 }),
      await pipe().generate({ ...request, latents: given, seed: 2 }),
    ];
    if (draws) expect(a.latents).not.toEqual(b.latents);
    else expect(a.latents).toEqual(b.latents);
    expect(a.latents).not.toEqual(latents);
  });

  it('decodes in tiles', async () => {
    const plain = await pipe().generate({ ...request, ...large });
    const tiled = await pipe().generate({ ...request, ...large, tiling: true });
    expect(tiled.frames).toHaveLength(plain.frames.length);
    expect(tiled.latents).toEqual(plain.latents);
    expect(tiled.frames[0]).toHaveLength(plain.frames[0]!.length);
    expect(tiled.frames).not.toEqual(plain.frames);
  });

  const refused: readonly (readonly [string, Record<string, unknown>, RegExp])[] = [
    ['frames', { numFrames: 6 }, /numFrames must be = /],
    ['an image', { image: new Uint8Array() }, /image must be = absent for this model/],
    ['a cache', { cache: { kind: 'first-block', threshold: -1 } }, /threshold must be = a number/],
    ['a scale', { guidanceScale: -1 }, /guidanceScale must be = a number from 0/],
  ];
  it.for(refused.filter(([what]) => !(role && what === 'an image')))(
    'refuses %s',
    async ([, change, message]) => {
      await expect(pipe().generate({ ...request, ...change })).rejects.toThrow(message);
    },
  );

  // Only models with a timestep for each frame take one.
  it.skipIf(role !== 'held')('holds the first latent frame of an image', async () => {
    const picture = {
      data: new Float32Array(wide * high * 3).fill(0.25),
      width: wide,
      height: high,
    };
    const [a, b] = [
      await pipe().generate({ ...request, image: picture }),
      await pipe().generate({ ...request, image: picture, prompt: 'a' }),
    ];
    const { latents } = await pipe().generate(request);
    const area = latents.length / 8 / 5;
    const first = (values: Float32Array) => values.filter((_, i) => i % (5 * area) < area);
    expect(first(a.latents)).toEqual(first(b.latents));
    expect(first(a.latents)).not.toEqual(first(latents));
    expect(a.latents).not.toEqual(b.latents);
  });

  // Only models that are conditioned by an image need one.
  it.skipIf(role !== 'beside')('sees the image, and refuses to be without one', async () => {
    const { latents } = await pipe().generate(request);
    const other = await pipe().generate({ ...request, image: grey(200) });
    expect(other.latents).not.toEqual(latents);
    await expect(pipe().generate({ ...request, image: undefined })).rejects.toThrow(
      /image must be = given for this model, got none/,
    );
  });
});
