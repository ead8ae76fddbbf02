import {
  type Branch,
  type Call,
  checkStepCache,
  denoise,
  firstBlockCache,
  type Predict,
  type StepCache,
  type StepCacheOptions,
  schedulerFromConfig,
  taylorCache,
} from '@tubelet/diffusion';
import { doubleArithmetic } from '@tubelet/testing';
import { describe, expect, it } from 'vitest';

const arithmetic = doubleArithmetic({}, () => new Float64Array(2));
const both: readonly Branch[] = ['conditional', 'unconditional'];

/** A call as the loop makes it; only what caches look at matters. */
const call = (index: number, branches: readonly Branch[] = ['conditional']) =>
  ({ index, branches, input: Float64Array.of(0, 0) }) as unknown as Call<Float64Array>;

async function answersOf(
  cache: StepCache<Float64Array>,
  count: number,
  branches: (index: number) => readonly Branch[] = () => ['conditional'],
) {
  const answers: { values: number[][]; isReused: boolean }[] = [];
  for (let index = 0; index < count; index++) {
    const found = await cache.predict(call(index, branches(index)));
    const values = found.map(({ prediction }) => [...prediction]);
    answers.push({ values, isReused: cache.isReused });
  }
  return answers;
}

const reusedOf = (answers: readonly { isReused: boolean }[]) =>
  answers.map(({ isReused }) => (isReused ? '-' : 'x')).join('');

describe('taylorCache', () => {
  const polynomial =
    (degree: number): Predict<Float64Array> =>
    async ({ index, branches }) =>
      branches.map((branch) => {
        const sign = branch === 'conditional' ? 1 : -2;
        return { prediction: Float64Array.of(sign * index ** degree, 7) };
      });

  it('runs the model while it warms up and then at every interval', async () => {
    const cache = taylorCache({ kind: 'taylor', interval: 3 }, arithmetic, polynomial(1));
    expect(reusedOf(await answersOf(cache, 10))).toBe('xxx--x--x-');
    const eager = { kind: 'taylor', interval: 2, warmup: 1 } as const;
    const early = taylorCache(eager, arithmetic, polynomial(1));
    expect(reusedOf(await answersOf(early, 6))).toBe('x-x-x-');
  });

  it('follows a straight line exactly by its first order, in every branch', async () => {
    const cache = taylorCache({ kind: 'taylor', interval: 4 }, arithmetic, polynomial(1));
    const answers = await answersOf(cache, 12, () => both);
    for (const [index, { values }] of answers.entries()) {
      expect(values[0]).toEqual([index, 7]);
      expect(values[1]).toEqual([-2 * index, 7]);
    }
  });

  it('repeats the last answer by order 0', async () => {
    const options = { kind: 'taylor', interval: 3, order: 0, warmup: 1 } as const;
    const answers = await answersOf(taylorCache(options, arithmetic, polynomial(2)), 7);
    expect(answers.map(({ values }) => values[0][0])).toEqual([0, 0, 0, 9, 9, 9, 36]);
  });

  it('adds half the second difference by order 2', async () => {
    const options = { kind: 'taylor', interval: 2, order: 2 } as const;
    const answers = await answersOf(taylorCache(options, arithmetic, polynomial(2)), 4);
    // Backward differences of i² at 2 are 4, 3 and 2: 4 + 3 + 2 / 2.
    expect(answers[3]).toEqual({ values: [[8, 7]], isReused: true });
  });

  it('runs the model for a branch that it knows nothing of', async () => {
    const cache = taylorCache({ kind: 'taylor', interval: 9 }, arithmetic, polynomial(1));
    const answers = await answersOf(cache, 7, (index) => (index < 5 ? ['conditional'] : both));
    expect(reusedOf(answers)).toBe('xxx--x-');
  });

  it('forecasts a variance with its prediction', async () => {
    const predict: Predict<Float64Array> = async ({ index }) => [
      { prediction: Float64Array.of(index), variance: Float64Array.of(-index) },
    ];
    const cache = taylorCache({ kind: 'taylor', interval: 3 }, arithmetic, predict);
    for (let index = 0; index < 4; index++) await cache.predict(call(index));
    const [{ prediction, variance }] = await cache.predict(call(4));
    expect([prediction[0], variance![0], cache.isReused]).toEqual([4, -4, true]);
    expect(cache.held()).toHaveLength(4);
  });

  it('gives the bits of no cache by interval 1', async () => {
    const schedule = schedulerFromConfig({ _class_name: 'UniPCMultistepScheduler' }).schedule({
      steps: 6,
    });
    const registers = new Map([['sample', Float64Array.of(0.8, -1.7)]]);
    const predict: Predict<Float64Array> = async ({ input, timestep }) => [
      { prediction: input.map((x) => Math.sin(x + timestep)) },
    ];
    const cache = taylorCache({ kind: 'taylor', interval: 1 }, arithmetic, predict);
    const plain = await denoise({ schedule, arithmetic, predict, registers });
    const cached = await denoise({ schedule, arithmetic, predict: cache.predict, registers });
    expect(cached).toEqual(plain);
  });
});

describe('firstBlockCache', () => {
  /** Adds `changes[index]` in the first block, which is its own measure of change. */
  const modelOf = (changes: readonly number[]) => {
    let remembered: number | undefined;
    let residual = 0;
    return {
      first: async ({ index }: Call<Float64Array>) => {
        residual = changes[index];
        if (remembered === undefined) return undefined;
        return Math.abs(residual - remembered) / Math.abs(remembered);
      },
      rest: async () => {
        remembered = residual;
      },
      last: async ({ branches }: Call<Float64Array>, isReused: boolean) =>
        branches.map(() => ({ prediction: Float64Array.of(isReused ? 1 : 0) })),
    };
  };
  const run = (threshold: number, changes: readonly number[]) =>
    firstBlockCache({ kind: 'first-block', threshold }, modelOf(changes));

  it('reuses while the change since the last whole run is below the threshold', async () => {
    const changes = [10, 10.5, 11, 11.5, 11.6, Number.NaN, 4, 4];
    const answers = await answersOf(run(0.12, changes), changes.length);
    expect(reusedOf(answers)).toBe('x--x-xx-');
    expect(answers.map(({ values }) => values[0][0])).toEqual([0, 1, 1, 0, 1, 0, 0, 1]);
  });

  it('never reuses at threshold 0', async () => {
    expect(reusedOf(await answersOf(run(0, [1, 1, 1]), 3))).toBe('xxx');
  });

  it('runs the whole model when the branches change', async () => {
    const answers = await answersOf(run(1, [5, 5, 5, 5]), 4, (index) =>
      index < 2 ? ['conditional'] : both,
    );
    expect(reusedOf(answers)).toBe('x-x-');
  });
});

describe('checkStepCache', () => {
  const refused: readonly (readonly [unknown, RegExp])[] = [
    [undefined, /kind must be = first-block or taylor, got undefined/],
    [{ kind: 'toString' }, /kind must be = first-block or taylor, got toString/],
    [{ kind: 'first-block' }, /threshold must be = a number from 0/],
    [{ kind: 'first-block', threshold: -1 }, /threshold must be = a number from 0, got -1/],
    [
      { kind: 'first-block', threshold: 1, order: 1 },
      /options must be = kind,threshold, got order/,
    ],
    [{ kind: 'taylor', interval: 0 }, /interval must be = a whole number from 1 to 1000, got 0/],
    [
      { kind: 'taylor', interval: 2, order: 5 },
      /order must be = a whole number from 0 to 4, got 5/,
    ],
    [{ kind: 'taylor', interval: 2, warmup: 0 }, /warmup must be = a whole number from 1/],
  ];
  it.for(refused)('refuses %o', ([options, message]) => {
    expect(() => checkStepCache(options as StepCacheOptions)).toThrow(message);
  });
});
