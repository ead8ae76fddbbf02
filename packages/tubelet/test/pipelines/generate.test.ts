import { setTimeout as sleep } from 'node:timers/promises';
import { modelDirectory } from '@tubelet/model-sprites';
import {
  type GenerateRequest,
  loadPipeline,
  type Pipeline,
  type StepProgress,
  TubeletError,
  type Video,
} from 'tubelet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const prompt = 'a man in a green shirt walks to the right in the rain';
const short: GenerateRequest = { prompt, steps: 2, numFrames: 5, seed: 3 };
const long: GenerateRequest = { prompt, steps: 1000, seed: 3 };

let pipe: Pipeline;
beforeAll(async () => {
  pipe = await loadPipeline(modelDirectory, { threads: 2 });
});
afterAll(() => pipe.dispose());

const bytesOf = ({ frames }: Video) => Buffer.concat(frames);
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error: unknown) => (TubeletError.isInstance(error) ? error.code : error),
  );

describe('generate', () => {
  it('gives frames, the latents they are of, and what was asked', async () => {
    const video = await pipe.generate({ ...short, width: 96, fps: 12 });
    expect(video).toMatchObject({ width: 96, height: 64, fps: 12, seed: 3, warnings: [] });
    expect(video.frames.map((frame) => frame.length)).toEqual(Array(5).fill(96 * 64 * 3));
    expect(video.latents).toHaveLength(16 * 2 * 16 * 24);
  });

  it('gives the bytes of each alone when several run at once, of whatever sizes', async () => {
    const requests: GenerateRequest[] = [
      short,
      { ...short, width: 96, numFrames: 9, seed: 4, prompt: '一个老人站着' },
      { ...short, numFrames: 1, guidanceScale: 1, scheduler: 'flow-match-euler', steps: 3 },
      { ...short, image: { data: new Uint8Array(64 * 64 * 3).fill(90), width: 64, height: 64 } },
    ];
    // A pipeline that has run nothing yet compiles a larger plan while a smaller one runs.
    await using fresh = await loadPipeline(modelDirectory, { threads: 2 });
    const together = await Promise.all(requests.map((request) => fresh.generate(request)));
    for (const [i, request] of requests.entries()) {
      const alone = await pipe.generate(request);
      expect(bytesOf(together[i]!).equals(bytesOf(alone))).toBe(true);
      expect(together[i]!.latents).toEqual(alone.latents);
    }
  });

  const dtypes = ['f32', 'bf16', 'int8'] as const;
  it.for(dtypes)(
    'gives %s requests the same bytes in pairs and alone, on any number of threads',
    async (dtype) => {
      let state = 12345;
      const pick = <Value>(...values: readonly Value[]) => {
        state = (state * 1103515245 + 12345) % 2 ** 31;
        return values[Math.floor((state / 2 ** 31) * values.length)]!;
      };
      const randomRequest = (): GenerateRequest => ({
        prompt: pick('', prompt, '一只猫', 'a dog runs on the grass in the snow at night'),
        width: pick(32, 64, 96),
        height: pick(32, 48, 64),
        numFrames: pick(1, 5, 9),
        steps: pick(1, 2, 3),
        guidanceScale: pick(1, 3, 5),
        scheduler: pick('unipc', 'flow-match-euler'),
        seed: pick(0, 1, 2 ** 40),
      });
      await using single = await loadPipeline(modelDirectory, { threads: 1, dtype });
      await using triple = await loadPipeline(modelDirectory, { threads: 3, dtype });
      for (let round = 0; round < 2; round++) {
        const [a, b] = [randomRequest(), randomRequest()];
        const pair = await Promise.all([triple.generate(a), triple.generate(b)]);
        const alone = [await single.generate(a), await single.generate(b)];
        for (const [i, video] of pair.entries())
          expect(bytesOf(video).equals(bytesOf(alone[i]!))).toBe(true);
      }
    },
  );

  // Recorded where the goldens of the original passed; they are not part of the repository.
  const image = {
    data: Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 7) % 256),
    width: 64,
    height: 64,
  };
  const recorded: readonly (readonly [string, Partial<GenerateRequest>, number[], number])[] = [
    ['text', {}, [-0.0728, -0.3398, -1.1336, 0.8878, 0.5386, -0.9662, -0.0327, -0.2904], 97.05],
    [
      'image',
      { image },
      [0.0462, 1.4361, 2.0971, -1.1768, 2.4078, -0.4228, 0.2569, -0.4658],
      106.64,
    ],
    [
      'text by flow-match Euler',
      { scheduler: 'flow-match-euler', guidanceScale: 3 },
      [-0.0623, -0.4108, -1.1128, 0.859, 0.5372, -1.0193, -0.0933, -0.3106],
      96.36,
    ],
  ];
  it.for(recorded)('of %s gives the recorded video', async ([, change, values, brightness]) => {
    await using exact = await loadPipeline(modelDirectory, { threads: 2, dtype: 'f32' });
    const video = await exact.generate({ ...short, steps: 4, ...change });
    const some = values.map((_, i) => video.latents[1000 * i + 123]!);
    for (const [i, value] of values.entries()) expect(some[i]).toBeCloseTo(value, 2);
    const bytes = bytesOf(video);
    expect(bytes.reduce((sum, byte) => sum + byte, 0) / bytes.length).toBeCloseTo(brightness, 0);
  });

  it('begins from given latents, whatever the seed', async () => {
    const video = await pipe.generate(short);
    const latents = new Float32Array(video.latents.length).fill(0.5);
    const steps: Float32Array[] = [];
    const onStep = async (step: StepProgress) => void steps.push(await step.latents());
    const [a, b] = [
      await pipe.generate({ ...short, latents, onStep }),
      await pipe.generate({ ...short, latents, seed: 77 }),
    ];
    expect(a.latents).toEqual(b.latents);
    expect(a.latents).not.toEqual(video.latents);
    expect(steps.at(-1)).toEqual(a.latents);
  });

  it('tells of each step in order, and waits', async () => {
    const seen: string[] = [];
    await pipe.generate({
      ...short,
      async onStep({ step, steps, timestep }) {
        await sleep(1);
        seen.push(`${step}/${steps} ${timestep}`);
      },
      onProgress: ({ stage, done, total }) => void seen.push(`${stage} ${done}/${total}`),
    });
    expect(seen).toEqual([
      'tokens 0/2',
      'tokens 2/2',
      'text 0/2',
      'text 2/2',
      'denoise 0/2',
      '1/2 999',
      'denoise 1/2',
      '2/2 750',
      'denoise 2/2',
      'decode 0/2',
      'decode 1/2',
      'decode 2/2',
    ]);
  });

  it('runs one branch without guidance, so the negative prompt has no effect', async () => {
    const plain = await pipe.generate({ ...short, guidanceScale: 1 });
    const other = await pipe.generate({ ...short, guidanceScale: 1, negativePrompt: 'a dog' });
    expect(bytesOf(other).equals(bytesOf(plain))).toBe(true);
  });

  it('holds the first latent frame of an image', async () => {
    const image = { data: new Float32Array(64 * 64 * 3).fill(0.25), width: 64, height: 64 };
    const first = (latents: Float32Array) => latents.subarray(0, 16 * 16);
    const [a, b] = [
      await pipe.generate({ ...short, image }),
      await pipe.generate({ ...short, image, seed: 99 }),
    ];
    expect(first(a.latents)).toEqual(first(b.latents));
    expect(a.latents).not.toEqual(b.latents);
    const mean = a.frames[0]!.reduce((sum, byte) => sum + byte, 0) / a.frames[0]!.length;
    expect(Math.abs(mean - 64)).toBeLessThan(12);
  });

  it('runs on the config of another scheduler', async () => {
    const named = await pipe.generate({ ...short, scheduler: 'flow-match-euler' });
    const scheduler = { _class_name: 'FlowMatchEulerDiscreteScheduler', shift: 3 };
    expect(bytesOf(await pipe.generate({ ...short, scheduler })).equals(bytesOf(named))).toBe(true);
  });

  it('ends with ABORTED, with the reason, wherever it is aborted', async () => {
    const stages = ['tokens', 'text', 'image', 'denoise', 'decode'];
    const image = { data: new Uint8Array(64 * 64 * 3), width: 64, height: 64 };
    for (const at of stages) {
      const stop = new AbortController();
      const work = pipe.generate({
        ...short,
        image,
        signal: stop.signal,
        onProgress: ({ stage }) => void (stage === at && stop.abort('enough')),
      });
      await expect(work).rejects.toMatchObject({ code: 'ABORTED', cause: 'enough' });
    }
    await expect(
      pipe.generate({ ...short, signal: AbortSignal.abort('before') }),
    ).rejects.toMatchObject({ code: 'ABORTED', cause: 'before' });
    const quick = AbortSignal.timeout(150);
    const start = performance.now();
    expect(await codeOf(pipe.generate({ ...long, signal: quick }))).toBe('ABORTED');
    expect(performance.now() - start).toBeLessThan(3000);
    expect((await pipe.generate(short)).frames).toHaveLength(5);
  });

  it('ends with DISPOSED when the pipeline is disposed mid-run, and is refused afterwards', async () => {
    const other = await loadPipeline(modelDirectory, { threads: 2 });
    const works = [codeOf(other.generate(long)), codeOf(other.generate({ ...long, seed: 8 }))];
    await sleep(200);
    await other.dispose();
    await other.dispose();
    expect(await Promise.all(works)).toEqual(['DISPOSED', 'DISPOSED']);
    expect(await codeOf(other.generate(short))).toBe('DISPOSED');
  });

  it('passes on what a callback throws', async () => {
    const onStep = () => {
      throw new Error('from the callback');
    };
    await expect(pipe.generate({ ...short, onStep })).rejects.toThrow('from the callback');
  });
});

describe('check', () => {
  it('fills in the defaults of the model', () => {
    expect(pipe.check({ prompt, seed: 1 })).toEqual({
      width: 64,
      height: 64,
      numFrames: 17,
      fps: 16,
      steps: 20,
      guidanceScale: 5,
      guided: true,
      seed: 1,
      latent: { frames: 5, height: 16, width: 16 },
      padding: 0,
    });
    const { seed } = pipe.check({ prompt });
    expect(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32).toBe(true);
  });

  const refused: readonly (readonly [string, Record<string, unknown>, RegExp])[] = [
    ['no prompt', { prompt: undefined }, /prompt must be = text, got undefined/],
    ['a misspelt option', { num_frames: 5 }, /options must be = .*numFrames.*got num_frames/],
    ['a size', { height: 65 }, /height must be = a multiple of 16 .*64 and 80, got 65/],
    ['half a pixel', { width: 64.5 }, /width must be = /],
    ['not a number', { width: Number.NaN }, /width must be = .*, got NaN/],
    ['too many tokens', { numFrames: 4097 }, /at most 256 tokens along each axis, got 1025/],
    ['text as a number', { steps: '5' }, /steps must be = /],
    ['no steps', { steps: 0 }, /steps must be = 1 to 1000, got 0/],
    ['a signal', { signal: 5 }, /signal must be = an AbortSignal, got number/],
    ['a callback', { onStep: 5 }, /onStep must be = a function, got number/],
    ['a share as text', { decodeTimestep: '0.5' }, /decodeTimestep must be = /],
    ['a seed', { seed: -1 }, /seed must be = a whole number from 0/],
    [
      'latents',
      { latents: new Float32Array(7) },
      /latents must be = .* 20480 values, got 7 values/,
    ],
    ['a scheduler', { scheduler: 'ddim' }, /scheduler must be = unipc or flow-match-euler/],
    ['another family', { scheduler: { _class_name: 'DDIMScheduler' } }, /got DDIMScheduler/],
  ];
  it.for(refused)('refuses %s, and so does generate', async ([, change, message]) => {
    const request = { prompt, ...change } as unknown as GenerateRequest;
    expect(() => pipe.check(request)).toThrow(message);
    await expect(pipe.generate(request)).rejects.toThrow(message);
  });

  it.each([undefined, null, 'a cat'])('refuses %s in place of a request', async (request) => {
    const wrong = request as unknown as GenerateRequest;
    expect(() => pipe.check(wrong)).toThrow('request must be = an object of options');
    await expect(pipe.generate(wrong)).rejects.toThrow('request must be = an object of options');
  });

  it('is before the image is looked at: generate refuses values of another size', async () => {
    const image = { data: new Float32Array(12), width: 2, height: 2 };
    await expect(pipe.generate({ ...short, image })).rejects.toThrow(
      /image must be = 64x64x3 values in \[0, 1\], got 2x2/,
    );
  });
});

describe('encodePrompts', () => {
  it('cleans, cuts and pads with zeros', async () => {
    const [a, b, empty] = await pipe.encodePrompts(['a  man &amp; a dog ', 'a man & a dog', '']);
    expect(a).toEqual(b);
    const dim = a!.embeddings.length / 64;
    expect(a!.embeddings.subarray(0, a!.ids.length * dim).every((value) => value === 0)).toBe(
      false,
    );
    expect(a!.embeddings.subarray(a!.ids.length * dim).every((value) => value === 0)).toBe(true);
    expect(empty!.ids).toHaveLength(1);
    const [long] = await pipe.encodePrompts(['walk '.repeat(200)]);
    expect(long!.ids).toHaveLength(64);
  });

  it('pads to another length if told so', async () => {
    await using longer = await loadPipeline(modelDirectory, { maxSequenceLength: 100 });
    const [encoded] = await longer.encodePrompts(['walk '.repeat(200)]);
    expect(encoded!.ids).toHaveLength(100);
    await expect(loadPipeline(modelDirectory, { maxSequenceLength: 513 })).rejects.toThrow(
      /maxSequenceLength must be = a whole number from 1 to 512, got 513/,
    );
  });
});
