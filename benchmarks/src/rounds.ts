import { setTimeout as sleep } from 'node:timers/promises';
import { Bench } from 'tinybench';
import { type Round, roundsNote, type Summary, summarise } from './statistics.js';

export interface Contestant {
  readonly name: string;
  run(): Promise<unknown>;
}

/** Short turns give no processor time to speak of: the clock of the system ticks in milliseconds. */
const leastTurnMs = 150;

/** onnxruntime's threads spin after a run, which slows whoever follows by a sixth; this is longer. */
const pauseMs = 100;

/**
 * Times contestants in turns (ours, theirs, ours, …), after two runs of each that do not count.
 *
 * @param threads that each of them uses
 */
export async function interleave(
  work: string,
  contestants: readonly Contestant[],
  { rounds, threads }: { readonly rounds: number; readonly threads: number },
): Promise<Summary & { readonly note: string }> {
  const iterations = new Map<string, number>();
  for (const { name, run } of contestants) {
    await run();
    const start = performance.now();
    await run();
    iterations.set(name, Math.ceil(leastTurnMs / (performance.now() - start)));
  }
  const measured: Round[] = [];
  for (let i = 0; i < rounds; i++) {
    const round: { milliseconds: number; share: number }[] = [];
    for (const { name, run } of contestants) {
      await sleep(pauseMs);
      round.push(await turn(run, iterations.get(name) ?? 1, threads));
    }
    measured.push(round);
  }
  const summary = summarise(measured);
  return { ...summary, note: roundsNote(work, rounds, summary) };
}

async function turn(run: () => Promise<unknown>, iterations: number, threads: number) {
  const bench = new Bench({ iterations, time: 0, warmup: false, throws: true });
  bench.add('turn', async () => {
    await run();
  });
  const processorTime = process.cpuUsage();
  const start = performance.now();
  const [task] = await bench.run();
  const wall = performance.now() - start;
  const { user, system } = process.cpuUsage(processorTime);
  if (!('latency' in task.result)) throw new Error(`a turn ended ${task.result.state}`);
  return {
    milliseconds: task.result.latency.p50,
    share: (user + system) / 1000 / wall / threads,
  };
}
