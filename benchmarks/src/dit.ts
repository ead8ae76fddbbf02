import type { DitPreset } from '@tubelet/models';
import { type Device, openDevice, type Precision } from '@tubelet/runtime';
import type { BoundPlan } from './bound-plan.js';
import { ceilingNote, ceilingPercent, measureCeiling } from './ceiling.js';
import { type DitFiles, ditFiles } from './dit-files.js';
import { ditFeeds, openDit, runTwin } from './dit-run.js';
import type { Options } from './options.js';
import { loadOnnxRuntime, type OnnxRuntime, onnxOptions, peerAdvice, peerName } from './peer.js';
import type { Measured, Row } from './report.js';
import { type Contestant, interleave } from './rounds.js';
import { relativeDifference } from './statistics.js';

/** DiT with random weights, beside onnxruntime on the ONNX twin with the same weights: f32, or int8 beside int8. */
export async function benchDit(options: Options): Promise<Measured> {
  const { threads, models, images, pixels, precisions } = options;
  const ceiling = measureCeiling(threads);
  const peer = loadOnnxRuntime();
  const notes = [ceilingNote, ...(peer ? [] : [peerAdvice])];
  const rows: Row[] = [];
  using device = openDevice({ threads });
  const sizes = pixels.flatMap((side) => images.map((count) => ({ pixels: side, images: count })));
  for (const model of models) {
    for (const size of sizes) {
      for (const precision of precisions) {
        const work = `${model} ${size.pixels} b${size.images}`;
        const measured = await besideTwin(device, work, {
          ...options,
          ...size,
          model,
          precision,
          peer,
        });
        const { milliseconds, flops, note, difference } = measured;
        const [oursMs, peerMs = null] = milliseconds;
        rows.push({
          work,
          dtype: precision,
          oursMs,
          peer: peer ? `${peerName} ${precision === 'int8' ? 'int8' : 'f32'}` : null,
          peerMs,
          ratio: peerMs === null ? null : peerMs / oursMs,
          ceilingPercent: ceilingPercent(ceiling, {
            flops,
            milliseconds: oursMs,
            dtype: precision,
          }),
          details: { 'GFLOP/s': flops / oursMs / 1e6, ...(peer && { difference }) },
        });
        notes.push(note);
      }
    }
  }
  return { isa: device.isa, threads, rows, notes };
}

interface Case {
  readonly model: DitPreset;
  readonly images: number;
  readonly pixels: number;
  readonly precision: Precision;
  readonly threads: number;
  readonly rounds: number;
  readonly peer: OnnxRuntime | undefined;
}

async function besideTwin(device: Device, work: string, options: Case) {
  const { images, pixels, precision, threads, rounds, peer, model } = options;
  const files = ditFiles(model, { images, pixels, isQuantized: precision === 'int8' });
  const ours = await openDit(device, files.weights, files.config, { images, precision });
  const twin = peer && (await openTwin(peer, files, options));
  try {
    const difference = twin ? await differenceOf(ours, twin.predict) : Number.NaN;
    const contestants: Contestant[] = [{ name: 'ours', run: ours.run }];
    if (twin) contestants.push({ name: 'peer', run: twin.predict });
    const summary = await interleave(`${work} ${precision}`, contestants, { rounds, threads });
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
  return relativeDifference(await ours.read('prediction'), await predict());
}
