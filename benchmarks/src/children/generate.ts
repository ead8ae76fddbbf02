// A fresh process: loads the model that ships and makes its default video twice, timing the stages.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { modelDirectory } from '@tubelet/model-sprites';
import type { Precision } from '@tubelet/runtime';
import type { Pipeline } from 'tubelet';
import { answer, peakMegabytes, question } from '../child.js';
import type { GenerateTimes, StageTimes } from '../generate.js';

const prompt = 'a woman in a red T-shirt and blue jeans walks to the left on a beach at sunset';

async function timeStages(pipeline: Pipeline): Promise<StageTimes> {
  const at = new Map<string, number>();
  const start = performance.now();
  const video = await pipeline.generate({
    prompt,
    seed: 1,
    onProgress: ({ stage, done, total }) => {
      const now = performance.now();
      if (done === 0) at.set(`${stage} begins`, now);
      if (done === total) at.set(`${stage} ends`, now);
    },
  });
  const end = performance.now();
  const between = (from: string, to: string) => at.get(to)! - at.get(from)!;
  const folder = await mkdtemp(join(tmpdir(), 'tubelet-bench-'));
  try {
    await video.save(join(folder, 'video.mp4'), { scale: pipeline.defaults.upscale });
  } finally {
    await rm(folder, { recursive: true });
  }
  return {
    totalMs: performance.now() - start,
    textMs: between('text begins', 'text ends'),
    prepareMs: between('text ends', 'denoise begins'),
    denoiseMs: between('denoise begins', 'denoise ends'),
    decodeMs: between('decode begins', 'decode ends'),
    writeMs: performance.now() - end,
  };
}

const { threads, dtype } = question<{ threads: number; dtype: Precision }>();
const start = performance.now();
const { loadPipeline } = await import('tubelet');
const imported = performance.now();
const pipeline = await loadPipeline(modelDirectory, { threads, dtype });
const loaded = performance.now();
const first = await timeStages(pipeline);
const firstPeak = peakMegabytes();
const second = await timeStages(pipeline);
const times: GenerateTimes = {
  importMs: imported - start,
  loadMs: loaded - imported,
  steps: pipeline.defaults.steps,
  first,
  second,
  peakMegabytes: firstPeak,
};
await pipeline.dispose();
answer(times);
