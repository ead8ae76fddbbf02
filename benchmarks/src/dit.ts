import type { DitPreset } from '@tubelet/models';
import { type Device, openDevice, type Precision } from '@tubelet/runtime';
import type { BoundPlan } from './bound-plan.js';
import { ceilingNote, ceilingPercent, measureCeiling } from './ceiling.js';
import { type DitFiles, ditFiles } from './dit-files.js';
import { ditFeeds, maxDifference, openDit, runTwin } from './dit-run.js';
import type { Options } from './options.js';
import { loadOnnxRuntime, type OnnxRuntime, onnxOptions, peerAdvice, peerName } from './peer.js';
import type { Measured, Row } from './report.js';
import { type Contestant, interleave } from './rounds.js';

/** DiT of 256 x 256 pictures, random weights, beside onnxruntime on the ONNX twin with the same weights. */
export async function benchDit(options: Options): Promise<Measured> {
  const { threads, models, images, precisions } = options;
  const ceiling = measureCeiling(threads);
  const peer = loadOnnxRuntime();
  const notes = [ceilingNote, ...(peer ? [] : [peerAdvice])];
  const rows: Row[] = [];
  using device = openDevice({ threads });
  for (const model of models) {
    const files = ditFiles(model, images);
    for (const precision of precisions) {
      const measured = await besideTwin(device, files, { ...options, model, precision, peer });
      const { milliseconds, flops, note, difference } = measured;
      const [oursMs, peerMs = null] = milliseconds;
      rows.push({
        work: `${model} 256 b${images}`,
        dtype: precision,
        oursMs,
        peer: peer ? `${peerName} f32` : null,
        peerMs,
        ratio: peerMs === null ? null : peerMs / oursMs,
        ceilingPercent: ceilingPercent(ceiling, { flops, milliseconds: oursMs, dtype: precision }),
        details: { 'GFLOP/s': flops / oursMs / 1e6, ...(peer && { 'max difference': difference }) },
      });
      notes.push(note);
    }
  }
  return { isa: device.isa, threads, rows, notes };
}

interface Case extends Options {
  readonly model: DitPreset;
  readonly precision: Precision;
  readonly peer: OnnxRuntime | undefined;
}

async function besideTwin(device: Device, files: DitFiles, options: Case) {
  const { images, precision, threads, rounds, peer, model } = options;
  const ours = await openDit(device, files.weights, files.config, { images, precision });
  const twin = peer && (await openTwin(peer, files, options));
  try {
    const difference = twin ? await differenceOf(ours, twin.predict) : Number.NaN;
    const contestants: Contestant[] = [{ name: 'ours', run: ours.run }];
    if (twin) contestants.push({ name: 'peer', run: twin.predict });
    const work = `${model} ${precision}`;
    const summary = await interleave(work, contestants, { rounds, threads });
    return { ...summary, flops: ours.flops, difference };
  } finally {
    ours.dispose();
    await twin?.release();
  }
}

async function openTwin(peer: OnnxRuntime, { onnx, config }: DitFiles, { threads, images }: Case) {
  const session = await peer.InferenceSession.create(onnx, onnxOptions(threads));
  const feeds = ditFeeds(peer, config, images);
  return { predict: () => runTwin(session, feeds), release: () => session.release() };
}

async function differenceOf(ours: BoundPlan, predict: () => Promise<Float32Array>) {
  await ours.run();
  return maxDifference(await ours.read('prediction'), await predict());
}
