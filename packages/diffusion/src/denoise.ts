import { mustBe } from './error.js';
import { type Arithmetic, combine, execute, type Registers } from './execute.js';
import { type Branch, type Guidance, unguided } from './guidance/guidance.js';
import { registersKept } from './liveness.js';
import type { Schedule, Step } from './schedule.js';

/** One call of the model. */
export interface Call<Latents> {
  /** What every branch of the model is given. */
  readonly input: Latents;
  /** Model time; with `tokenTimesteps`, one per token instead. */
  readonly timestep: number;
  readonly tokenTimesteps?: readonly number[];
  /** The conditionings to predict for, in this order: segments of one run. */
  readonly branches: readonly Branch[];
  /** Distilled guidance: the scale the model takes as an input. */
  readonly embeddedScale?: number;
  /** The step, as the schedule has it. */
  readonly step: Step;
  readonly index: number;
}

/** What the model answers for one branch. */
export interface Prediction<Latents> {
  readonly prediction: Latents;
  /** The second half of the channels, where the schedule's `predictsVariance` is set. */
  readonly variance?: Latents;
}

/** What is known after a step: `registers` hold what later steps read, and `from: index + 1` with them resumes the run. */
export interface Progress<Latents> {
  readonly index: number;
  readonly step: Step;
  readonly registers: ReadonlyMap<string, Latents>;
}

/** What `denoise` needs. */
export interface Denoising<Latents> {
  readonly schedule: Schedule;
  readonly arithmetic: Arithmetic<Latents>;
  /** Calls the model: one prediction per branch. */
  predict(call: Call<Latents>): Promise<readonly Prediction<Latents>[]>;
  /** `sample` to begin from, or every register of an interrupted run. Left as it is. */
  readonly registers: ReadonlyMap<string, Latents>;
  /** Index of the first step to do. Default 0. */
  readonly from?: number;
  /** Default: one conditional prediction, as it is. */
  readonly guidance?: Guidance;
  /** Asked before each step. */
  readonly signal?: AbortSignal;
  /** Called after each step, and waited for. */
  onStep?(progress: Progress<Latents>): void | Promise<void>;
}

/**
 * The denoise loop: runs a schedule from `from` to its end.
 *
 * @returns the denoised sample
 * @throws the signal's reason when aborted; whatever `predict`, the arithmetic or `onStep` throw
 */
export async function denoise<Latents>(run: Denoising<Latents>): Promise<Latents> {
  const { schedule, arithmetic, guidance = unguided, from = 0 } = run;
  const registers: Registers<Latents> = new Map(run.registers);
  const kept = registersKept(schedule, guidance);
  for (let index = from; index < schedule.steps.length; index++) {
    run.signal?.throwIfAborted();
    const step = schedule.steps[index];
    const guided = guidance(index, schedule);
    await execute(step.before, registers, arithmetic);
    const input = await combine(step.input, registers, arithmetic);
    const { timestep, tokenTimesteps } = step;
    const { branches, embeddedScale } = guided;
    const call = { input, timestep, tokenTimesteps, branches, embeddedScale, step, index };
    await predictInto(registers, run, call);
    await execute(guided.assignments, registers, arithmetic);
    await execute(step.after, registers, arithmetic);
    for (const name of registers.keys()) if (!kept[index].has(name)) registers.delete(name);
    await run.onStep?.({ index, step, registers: new Map(registers) });
  }
  return combine({ sample: 1 }, registers, arithmetic);
}

async function predictInto<Latents>(
  registers: Registers<Latents>,
  run: Denoising<Latents>,
  call: Call<Latents>,
): Promise<void> {
  if (call.branches.length === 0) return;
  const answers = await run.predict(call);
  if (answers.length !== call.branches.length) {
    throw mustBe('denoise', 'number of predictions', `${call.branches.length}`, answers.length);
  }
  call.branches.forEach((branch, i) => {
    registers.set(branch, answers[i].prediction);
  });
  if (!run.schedule.predictsVariance) return;
  const { variance } = answers[0];
  if (variance === undefined) {
    throw mustBe('denoise', 'variance of the prediction', 'given for this schedule', 'nothing');
  }
  registers.set('variance', variance);
}
