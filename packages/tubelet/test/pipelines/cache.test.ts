import { modelDirectory } from '@tubelet/model-sprites';
import {
  type GenerateRequest,
  loadPipeline,
  type Pipeline,
  type StepCacheOptions,
  type StepProgress,
} from 'tubelet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const request: GenerateRequest = {
  prompt: 'a man in a green shirt walks to the right in the rain',
  steps: 8,
  numFrames: 5,
  seed: 3,
};

let pipe: Pipeline;
beforeAll(async () => {
  pipe = await loadPipeline(modelDirectory, { threads: 2, dtype: 'f32' });
});
afterAll(() => pipe.dispose());

/** The latents, and which steps were reused. */
async function run(change: Partial<GenerateRequest>) {
  const reused: number[] = [];
  const onStep = ({ step, isReused }: StepProgress) => void (isReused && reused.push(step));
  const { latents } = await pipe.generate({ ...request, ...change, onStep });
  return { latents, reused };
}

function meanDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;
}

describe('cache', () => {
  const image = { data: new Float32Array(64 * 64 * 3).fill(0.25), width: 64, height: 64 };
  const exact: readonly (readonly [string, StepCacheOptions, Partial<GenerateRequest>])[] = [
    ['threshold 0', { kind: 'first-block', threshold: 0 }, {}],
    ['threshold 0 with an image', { kind: 'first-block', threshold: 0 }, { image }],
    ['threshold 0 without guidance', { kind: 'first-block', threshold: 0 }, { guidanceScale: 1 }],
    ['interval 1', { kind: 'taylor', interval: 1 }, {}],
  ];
  it.for(exact)('of %s gives the bytes of none', async ([, cache, change]) => {
    const plain = await run(change);
    expect(plain.reused).toEqual([]);
    expect(await run({ ...change, cache })).toEqual(plain);
  });

  const near: readonly (readonly [string, StepCacheOptions])[] = [
    ['first-block', { kind: 'first-block', threshold: 0.2 }],
    ['taylor', { kind: 'taylor', interval: 2 }],
  ];
  it.for(near)('by %s reuses steps, stays near, and repeats itself', async ([, cache]) => {
    const plain = await run({});
    const cached = await run({ cache });
    expect(cached.reused.length).toBeGreaterThan(0);
    expect(cached.reused.length).toBeLessThan(8);
    const other = await run({ seed: 4 });
    const away = meanDifference(cached.latents, plain.latents);
    expect(away).toBeGreaterThan(0);
    expect(away).toBeLessThan(meanDifference(other.latents, plain.latents) / 3);
    const [again] = await Promise.all([run({ cache }), run({ seed: 9, width: 96, cache })]);
    expect(again).toEqual(cached);
  });

  it('is refused before any work when its options are wrong', async () => {
    const cache = { kind: 'first-block', threshold: -1 } as const;
    expect(() => pipe.check({ ...request, cache })).toThrow(/threshold must be = a number from 0/);
    await expect(pipe.generate({ ...request, cache })).rejects.toThrow(/threshold/);
  });
});
