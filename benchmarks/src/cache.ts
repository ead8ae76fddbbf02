import { modelDirectory } from '@tubelet/model-sprites';
import { openDevice } from '@tubelet/runtime';
import { loadPipeline, type Pipeline, type StepCacheOptions, type Video } from 'tubelet';
import type { Options } from './options.js';
import { type Measured, ownRow, type Row } from './report.js';
import { median } from './statistics.js';
import { differenceOf, requests } from './videos.js';

const policies: readonly (readonly [name: string, cache: StepCacheOptions | undefined])[] = [
  ['none', undefined],
  ...[0.05, 0.1, 0.15, 0.2, 0.3].map(
    (threshold) =>
      [`first-block, threshold ${threshold}`, { kind: 'first-block', threshold }] as const,
  ),
  ...[0, 1, 2].flatMap((order) =>
    [2, 3].map(
      (interval) =>
        [
          `taylor, interval ${interval}, order ${order}`,
          { kind: 'taylor', interval, order },
        ] as const,
    ),
  ),
];

interface Made {
  readonly video: Video;
  readonly milliseconds: number;
  /** Of the processor, which others on the machine change little. */
  readonly processorMs: number;
  /** Steps in which the whole model ran. */
  readonly computed: number;
}

/**
 * Quality against speed of the step caches on the model that ships: denoising of its default video by the same seed, beside
 * the video without a cache.
 */
export async function benchCache({ threads, precisions }: Options): Promise<Measured> {
  const rows: Row[] = [];
  for (const dtype of precisions) {
    await using pipe = await loadPipeline(modelDirectory, { threads, dtype });
    const byPolicy: Made[][] = policies.map(() => []);
    // Compiles what the policies need.
    for (const i of [0, 1, -1]) await make(pipe, requests[0], policies.at(i)![1]);
    for (const request of requests) {
      for (const [i, [, cache]] of policies.entries())
        byPolicy[i].push(await make(pipe, request, cache));
    }
    const [plain] = byPolicy;
    for (const [i, [name]] of policies.entries()) {
      rows.push(rowOf(name, dtype, byPolicy[i], plain, pipe.defaults.steps));
    }
  }
  using device = openDevice({ threads });
  const notes = [
    `medians of ${requests.length} default videos (prompts and seeds of benchmarks/src/videos.ts); denoising only; how many times as fast by processor time`,
    'difference and PSNR: all bytes of all frames, beside the video of the same seed without a cache',
  ];
  return { isa: device.isa, threads, rows, notes };
}

async function make(
  pipe: Pipeline,
  [prompt, seed]: (typeof requests)[number],
  cache: StepCacheOptions | undefined,
): Promise<Made> {
  let start = { time: 0, processor: process.cpuUsage() };
  let milliseconds = 0;
  let processorMs = 0;
  let computed = 0;
  const video = await pipe.generate({
    prompt,
    seed,
    cache,
    onStep({ isReused }) {
      if (!isReused) computed += 1;
    },
    onProgress({ stage, done, total }) {
      if (stage !== 'denoise') return;
      if (done === 0) start = { time: performance.now(), processor: process.cpuUsage() };
      if (done < total) return;
      const { user, system } = process.cpuUsage(start.processor);
      milliseconds = performance.now() - start.time;
      processorMs = (user + system) / 1000;
    },
  });
  return { video, milliseconds, processorMs, computed };
}

function rowOf(
  name: string,
  dtype: string,
  made: readonly Made[],
  plain: readonly Made[],
  steps: number,
): Row {
  const time = median(made.map(({ milliseconds }) => milliseconds));
  const work = (of: readonly Made[]) => median(of.map(({ processorMs }) => processorMs));
  const differences = made.map(({ video }, i) => differenceOf(video, plain[i].video));
  const mean = median(differences.map(({ absolute }) => absolute));
  const psnr = median(differences.map(({ square }) => 10 * Math.log10(255 ** 2 / square)));
  return ownRow(name, dtype, time, {
    details: {
      'steps run': `${median(made.map(({ computed }) => computed))} of ${steps}`,
      'times as fast': work(plain) / work(made),
      'difference /255': mean,
      'PSNR dB': Number.isFinite(psnr) ? psnr : 'same bytes',
    },
  });
}
