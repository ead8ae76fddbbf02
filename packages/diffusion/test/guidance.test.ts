import {
  adaptiveProjected,
  cfgZeroStar,
  classifierFree,
  distilled,
  execute,
  type Guidance,
  perturbed,
  schedulerFromConfig,
  unguided,
} from '@tubelet/diffusion';
import { doubleArithmetic } from '@tubelet/testing';
import { describe, expect, it } from 'vitest';

const schedule = schedulerFromConfig({ _class_name: 'FlowMatchEulerDiscreteScheduler' }).schedule({
  steps: 10,
});
// Two samples of two channels of one element.
const arithmetic = doubleArithmetic({ samples: 2, channels: 2 }, () => new Float64Array(4));
const predictions = () =>
  new Map(
    Object.entries({
      sample: [9, 9, 9, 9],
      conditional: [3, 0, 4, 0],
      unconditional: [1, 2, 0, 2],
      perturbed: [0, 1, 0, 1],
    }).map(([name, values]) => [name, Float64Array.from(values)]),
  );

/** The guided prediction of a step; registers are kept between calls. */
async function guide(guidance: Guidance, index = 5, registers = predictions()) {
  const { branches, assignments } = guidance(index, schedule);
  await execute(assignments, registers, arithmetic);
  return { branches, prediction: Array.from(registers.get('prediction') ?? []) };
}

const closeTo = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 12));

describe('unguided', () => {
  it('is the conditional prediction', async () => {
    const { branches, prediction } = await guide(unguided);
    expect(branches).toEqual(['conditional']);
    expect(prediction).toEqual([3, 0, 4, 0]);
  });
});

describe('classifierFree', () => {
  it('goes from the unconditional prediction past the conditional one', async () => {
    const { branches, prediction } = await guide(classifierFree({ scale: 5 }));
    expect(branches).toEqual(['conditional', 'unconditional']);
    expect(prediction).toEqual([11, -8, 20, -8]);
  });

  it('guides the first channels only when asked', async () => {
    const { prediction } = await guide(classifierFree({ scale: 5, channels: 1 }));
    expect(prediction).toEqual([11, 0, 20, 0]);
  });

  it('takes a share of the conditional standard deviation, sample by sample', async () => {
    const { branches, prediction } = await guide(classifierFree({ scale: 5, rescale: 0.75 }));
    expect(branches).toEqual(['conditional', 'unconditional']);
    // Of two elements the standard deviation is half their distance: 3 of 19, and 4 of 28.
    const [first, second] = [0.25 + 0.75 * (3 / 19), 0.25 + 0.75 * (4 / 28)];
    expect(prediction).toEqual(closeTo([11 * first, -8 * first, 20 * second, -8 * second]));
    const unchanged = await guide(classifierFree({ scale: 5, rescale: 0 }));
    expect(unchanged.prediction).toEqual([11, -8, 20, -8]);
    expect(classifierFree({ scale: 1, rescale: 0.75 })).toBe(unguided);
  });

  it('asks for one prediction at scale 1 and outside its interval', async () => {
    const branchesAt = (guidance: Guidance, index: number) => guidance(index, schedule).branches;
    expect(branchesAt(classifierFree({ scale: 1 }), 5)).toEqual(['conditional']);
    const middle = classifierFree({ scale: 5, interval: { start: 0.25, stop: 0.8 } });
    const counts = schedule.steps.map((_, i) => branchesAt(middle, i).length);
    expect(counts).toEqual([1, 1, 2, 2, 2, 2, 2, 2, 1, 1]);
    const noisy = classifierFree({ scale: 5, interval: { minSigma: 0.5, maxSigma: 0.9 } });
    const guided = schedule.steps.filter((_, i) => branchesAt(noisy, i).length === 2);
    expect(guided.map(({ sigma }) => sigma).every((sigma) => sigma >= 0.5 && sigma <= 0.9)).toBe(
      true,
    );
    expect(guided.length).toBeGreaterThan(2);
  });

  it.each([
    [{ scale: Number.NaN }, /scale must be = a number, got NaN/],
    [{ scale: 2, channels: 0 }, /channels must be/],
    [{ scale: 2, rescale: 1.5 }, /rescale must be = a number from 0 to 1, got 1.5/],
    [{ scale: 2, rescale: Number.NaN }, /rescale must be/],
    [{ scale: 2, interval: { start: 0.9, stop: 0.1 } }, /interval must be/],
    [{ scale: 2, interval: { minSigma: 2, maxSigma: 1 } }, /interval must be/],
  ])('refuses %o', (options, message) => {
    expect(() => classifierFree(options)).toThrow(message);
  });
});

describe('cfgZeroStar', () => {
  it('predicts 0 in the first steps without asking the model', async () => {
    const { branches, prediction } = await guide(cfgZeroStar({ scale: 5, zeroInitSteps: 2 }), 1);
    expect(branches).toEqual([]);
    expect(prediction).toEqual([0, 0, 0, 0]);
  });

  it('scales the unconditional prediction to the conditional one', async () => {
    const { prediction } = await guide(cfgZeroStar({ scale: 5 }));
    // ⟨conditional, unconditional⟩ = 3 and ‖unconditional‖² = 9: a third, but for epsilon 1e-8.
    const third = 3 / (9 + 1e-8);
    expect(prediction).toEqual(closeTo([15 - 4 * third, -8 * third, 20, -8 * third]));
  });

  it('takes any unconditional prediction, 0 included', async () => {
    const registers = predictions().set('unconditional', new Float64Array(4));
    const { prediction } = await guide(cfgZeroStar({ scale: 2 }), 5, registers);
    expect(prediction).toEqual([6, 0, 8, 0]);
  });
});

describe('adaptiveProjected', () => {
  it('is classifier-free guidance when nothing is reduced', async () => {
    const { prediction } = await guide(adaptiveProjected({ scale: 5, eta: 1, rescale: 0 }));
    expect(prediction).toEqual(closeTo([11, -8, 20, -8]));
  });

  it('drops the part of the difference along the conditional prediction', async () => {
    const { prediction } = await guide(adaptiveProjected({ scale: 5, eta: 0, rescale: 0 }));
    // difference (2, -2, 4, -2), its part along (3, 0, 4, 0) is 22/25 of that.
    const expected = [1 + 5 * (2 - 66 / 25), -8, 5 * (4 - 88 / 25), -8];
    expect(prediction).toEqual(closeTo(expected));
  });

  it('limits the norm of the difference', async () => {
    const { prediction } = await guide(adaptiveProjected({ scale: 5, rescale: 1 }));
    const norm = Math.sqrt(4 + 4 + 16 + 4);
    const expected = [2, -2, 4, -2].map((d, i) => [1, 2, 0, 2][i] + (5 * d) / norm);
    expect(prediction).toEqual(closeTo(expected));
  });

  it('keeps momentum from its first guided step on', async () => {
    const options = { scale: 2, rescale: 0, momentum: -0.5, interval: { start: 0.3 } };
    const guidance = adaptiveProjected(options);
    const registers = predictions();
    expect((await guide(guidance, 2, registers)).prediction).toEqual([3, 0, 4, 0]);
    expect((await guide(guidance, 3, registers)).prediction).toEqual(closeTo([5, -2, 8, -2]));
    // The difference is now half of what it was: (1, -1, 2, -1).
    expect((await guide(guidance, 4, registers)).prediction).toEqual(closeTo([3, 0, 4, 0]));
  });
});

describe('distilled', () => {
  it('passes its scale to the model', () => {
    const step = distilled({ scale: 3.5 })(0, schedule);
    expect(step.embeddedScale).toBe(3.5);
    expect(step.branches).toEqual(['conditional']);
  });
});

describe('perturbed', () => {
  it('adds the distance from the weakened network', async () => {
    const both = await guide(perturbed({ scale: 5, perturbedScale: 2 }));
    expect(both.branches).toEqual(['conditional', 'unconditional', 'perturbed']);
    expect(both.prediction).toEqual([11 + 6, -8 - 2, 20 + 8, -8 - 2]);
    const alone = await guide(perturbed({ perturbedScale: 2 }));
    expect(alone.branches).toEqual(['conditional', 'perturbed']);
    expect(alone.prediction).toEqual([9, -2, 12, -2]);
  });

  it('is classifier-free guidance outside its interval', async () => {
    const guidance = perturbed({ scale: 5, perturbedScale: 2, interval: { stop: 0.2 } });
    expect((await guide(guidance)).prediction).toEqual([11, -8, 20, -8]);
  });
});
