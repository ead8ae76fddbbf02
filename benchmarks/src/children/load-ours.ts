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
const { bindDit, compileDit } = await import('../dit-run.js');
const imported = performance.now();
using device = openDevice({ threads });
const plan = await compileDit(device, weights, config, { images, precision });
const loaded = performance.now();
const loadedMegabytes = peakMegabytes();
const bound = await bindDit(device, plan, config, images);
await bound.run();
const times: LoadTimes = {
  importMs: imported - start,
  loadMs: loaded - imported,
  firstRunMs: performance.now() - loaded,
  loadedMegabytes,
  peakMegabytes: peakMegabytes(),
};
answer(times);
