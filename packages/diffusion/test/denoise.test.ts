import { denoise, type Schedule, schedulerFromConfig } from '@tubelet/diffusion';
import { doubleArithmetic } from '@tubelet/testing';
import { describe, expect, it } from 'vitest';

const arithmetic = doubleArithmetic({}, (index) => Float64Array.from([Math.sin(index), 1]));
const first = Float64Array.from([0.8, -1.7]);
const registers: ReadonlyMap<string, Float64Array> = new Map([['sample', first]]);

/** A stand-in for the model, which also answers a variance. */
const predict = async ({ input, timestep }: { input: Float64Array; timestep: number }) => [
  { prediction: input.map((x) => 0.5 * Math.sin(x + timestep)), variance: input.map(Math.cos) },
];

const scheduleOf = (_class_name: string, config = {}): Schedule =>
  schedulerFromConfig({ _class_name, ...config }).schedule({ steps: 5 });

describe('denoise', () => {
  it.each([
    ['UniPCMultistepScheduler', { solver_order: 3 }],
    ['DPMSolverMultistepScheduler', { algorithm_type: 'sde-dpmsolver++', solver_order: 3 }],
    ['HeunDiscreteScheduler', {}],
    ['DDPMScheduler', { variance_type: 'learned_range' }],
  ])('resumes %s %o at any step to the same bits', async (_class_name, config) => {
    const schedule = scheduleOf(_class_name, config);
    const saved: ReadonlyMap<string, Float64Array>[] = [registers];
    const expected = await denoise({
      schedule,
      arithmetic,
      predict,
      registers,
      onStep: (progress) => void saved.push(progress.registers),
    });
    expect(saved).toHaveLength(schedule.steps.length + 1);
    for (const [from, state] of saved.entries()) {
      const stored: Schedule = JSON.parse(JSON.stringify(schedule));
      const run = { schedule: stored, arithmetic, predict, registers: state, from };
      expect(await denoise(run)).toEqual(expected);
    }
  });

  it('keeps only what later steps read', async () => {
    const keptBy = async (schedule: Schedule) => {
      const kept: string[][] = [];
      const onStep = ({ registers }: { registers: ReadonlyMap<string, Float64Array> }) =>
        void kept.push([...registers.keys()].sort());
      await denoise({ schedule, arithmetic, predict, registers, onStep });
      return kept;
    };
    expect(await keptBy(scheduleOf('UniPCMultistepScheduler'))).toEqual([
      ['corrected', 'output0', 'sample'],
      ['corrected', 'output0', 'output1', 'sample'],
      ['corrected', 'output1', 'output2', 'sample'],
      ['corrected', 'output0', 'output2', 'sample'],
      ['sample'],
    ]);
    expect(await keptBy(scheduleOf('FlowMatchHeunDiscreteScheduler'))).toEqual(
      [1, 2, 3, 4].flatMap(() => [['base', 'sample', 'slope'], ['sample']]).concat([['sample']]),
    );
  });

  it('leaves what it was given as it was', async () => {
    const schedule = scheduleOf('UniPCMultistepScheduler');
    await denoise({ schedule, arithmetic, predict, registers });
    expect([...registers.keys()]).toEqual(['sample']);
    expect(Array.from(first)).toEqual([0.8, -1.7]);
  });

  it('stops before the next step when aborted, with the reason of the signal', async () => {
    const controller = new AbortController();
    const done: number[] = [];
    const run = denoise({
      schedule: scheduleOf('UniPCMultistepScheduler'),
      arithmetic,
      predict,
      registers,
      signal: controller.signal,
      onStep: ({ index }) => {
        done.push(index);
        if (index === 1) controller.abort(new Error('enough'));
      },
    });
    await expect(run).rejects.toThrow('enough');
    expect(done).toEqual([0, 1]);
  });

  it('passes on what the model throws', async () => {
    const run = denoise({
      schedule: scheduleOf('UniPCMultistepScheduler'),
      arithmetic,
      registers,
      predict: () => Promise.reject(new Error('no model')),
    });
    await expect(run).rejects.toThrow('no model');
  });

  it.each([
    [
      'a prediction too few',
      scheduleOf('UniPCMultistepScheduler'),
      { predict: async () => [] },
      /number of predictions must be = 1, got 0/,
    ],
    [
      'no variance',
      scheduleOf('DDPMScheduler', { variance_type: 'learned_range' }),
      { predict: async () => [{ prediction: first }] },
      /variance of the prediction must be = given/,
    ],
    [
      'no sample',
      scheduleOf('UniPCMultistepScheduler'),
      { registers: new Map() },
      /register 'sample' must be = set before it is read/,
    ],
    [
      'no clamp',
      scheduleOf('DDIMScheduler'),
      { arithmetic: { combine: arithmetic.combine } },
      /arithmetic.clamp must be = a function for this schedule/,
    ],
    [
      'no noise',
      scheduleOf('EulerAncestralDiscreteScheduler'),
      { arithmetic: { combine: arithmetic.combine } },
      /arithmetic.noise must be = a function/,
    ],
  ])('says what is missing: %s', async (_, schedule, given, message) => {
    const run = denoise({ schedule, arithmetic, predict, registers, ...given });
    await expect(run).rejects.toThrow(message);
  });

  it('needs nothing but linear combinations for deterministic samplers', async () => {
    const { combine } = arithmetic;
    for (const name of ['UniPCMultistepScheduler', 'FlowMatchEulerDiscreteScheduler']) {
      const run = { schedule: scheduleOf(name), arithmetic: { combine }, predict, registers };
      expect((await denoise(run)).every(Number.isFinite)).toBe(true);
    }
  });
});
