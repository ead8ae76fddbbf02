// A fresh process: loads and compiles a DiT, then runs it once.
import { performance } from 'node:perf_hooks';
import type { DitConfig } from '@tubelet/models';
import type { Precision } from '@tubelet/runtime';
import { answer, peakMegabytes, question } from '../child.js';
import type { LoadTimes } from '../load.js';

const { threads, weights, config, images, precision } = question<{
  threads: number;
  weights: string;
  config: DitConfig;
  images: number;
  precision: Precision;
}>();
const start = performance.now();
const { openDevice } = await import('@tubelet/runtime');
const { openDit } = await import('../dit-run.js');
const imported = performance.now();
using device = openDevice({ threads });
const bound = await openDit(device, weights, config, { images, precision });
const loaded = performance.now();
const loadedMegabytes = peakMegabytes();
await bound.run();
const times: LoadTimes = {
  importMs: imported - start,
  loadMs: loaded - imported,
  firstRunMs: performance.now() - loaded,
  loadedMegabytes,
  peakMegabytes: peakMegabytes(),
};
answer(times);
