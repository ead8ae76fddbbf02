import { openDevice } from '@tubelet/runtime';
import { askChild } from './child.js';
import type { Options } from './options.js';
import { type Measured, ownRow, type Row } from './report.js';

export interface StageTimes {
  readonly totalMs: number;
  readonly textMs: number;
  /** From the texts to the first step: inputs that stay, and compiling where it was not done yet. */
  readonly prepareMs: number;
  readonly denoiseMs: number;
  readonly decodeMs: number;
  readonly writeMs: number;
}

/** What a fresh process reports of two videos. */
export interface GenerateTimes {
  readonly importMs: number;
  /** Opening the model: what the first video then compiles is not in it. */
  readonly loadMs: number;
  readonly steps: number;
  readonly first: StageTimes;
  readonly second: StageTimes;
  /** Most memory resident after the first video. */
  readonly peakMegabytes: number;
}

/** The default video of the model that ships: prompt to mp4 in a fresh process, then once more. */
export async function benchGenerate({ threads, precisions }: Options): Promise<Measured> {
  using device = openDevice({ threads });
  const rows: Row[] = [];
  for (const dtype of precisions) {
    rows.push(...stageRows(dtype, await askChild<GenerateTimes>('generate', { threads, dtype })));
  }
  const notes = [
    'one process, two videos: stages are those of the second; compiling is what the first took more outside of denoising',
  ];
  return { isa: device.isa, threads, rows, notes };
}

function stageRows(dtype: string, times: GenerateTimes): Row[] {
  const { first, second, steps, loadMs, importMs, peakMegabytes } = times;
  const row = (work: string, milliseconds: number, details?: Record<string, number>) =>
    ownRow(work, dtype, milliseconds, { details });
  return [
    row('import', importMs),
    row('load and compile', loadMs + compileTime(first, second)),
    row('text', second.textMs),
    row('denoise', second.denoiseMs),
    row('denoise, one step', second.denoiseMs / steps),
    row('decode', second.decodeMs),
    row('write mp4', second.writeMs),
    row('first video, cold, prompt to mp4', importMs + loadMs + first.totalMs, {
      'MB at most': peakMegabytes,
    }),
    row('second video, warm, prompt to mp4', second.totalMs),
  ];
}

/** The first video compiles its plans on the way: what its stages other than denoising take more than in the second. */
export function compileTime(first: StageTimes, second: StageTimes): number {
  const stages = ['textMs', 'prepareMs', 'decodeMs'] as const;
  return stages.reduce((sum, stage) => sum + Math.max(0, first[stage] - second[stage]), 0);
}
