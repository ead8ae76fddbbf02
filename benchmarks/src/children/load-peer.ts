// A fresh process: onnxruntime loads the ONNX twin, then runs it once.
import { performance } from 'node:perf_hooks';
import type { DitConfig } from '@tubelet/models';
import { answer, peakMegabytes, question } from '../child.js';
import { ditFeeds, runTwin } from '../dit-run.js';
import type { LoadTimes } from '../load.js';
import { loadOnnxRuntime, onnxOptions, peerAdvice } from '../peer.js';

const { threads, onnx, config, images } = question<{
  threads: number;
  onnx: string;
  config: DitConfig;
  images: number;
}>();
const start = performance.now();
const peer = loadOnnxRuntime();
if (!peer) throw new Error(peerAdvice);
const imported = performance.now();
const session = await peer.InferenceSession.create(onnx, onnxOptions(threads));
const loaded = performance.now();
const loadedMegabytes = peakMegabytes();
await runTwin(session, ditFeeds(peer, config, images));
const times: LoadTimes = {
  importMs: imported - start,
  loadMs: loaded - imported,
  firstRunMs: performance.now() - loaded,
  loadedMegabytes,
  peakMegabytes: peakMegabytes(),
};
answer(times);
