import { modelDirectory } from '@tubelet/model-sprites';
import type { DitPreset } from '@tubelet/models';
import { type Device, openDevice, type Precision } from '@tubelet/runtime';
import { loadPipeline } from 'tubelet';
import type { BoundPlan } from './bound-plan.js';
import { ditFiles } from './dit-files.js';
import { openDit } from './dit-run.js';
import type { Options } from './options.js';
import { openTransformer } from './profile.js';
import { type Measured, ownRow, type Row } from './report.js';
import { median, relativeDifference } from './statistics.js';
import { openDecoder } from './vae.js';
import { openPictureDecoder, pictureDecoder } from './vae-files.js';
import { differenceOf, requests } from './videos.js';

/** A forward pass that is compared, and its output. */
interface Forward {
  readonly work: string;
  readonly output: string;
  open(precision: Precision): Promise<BoundPlan>;
}

function forwards(device: Device, models: readonly DitPreset[]): Forward[] {
  const ofDit = (model: DitPreset): Forward => ({
    work: `${model} 256, random weights`,
    output: 'prediction',
    open: (precision) => {
      const { weights, config } = ditFiles(model, { images: 1, pixels: 256 });
      return openDit(device, weights, config, { images: 1, precision });
    },
  });
  return [
    {
      work: 'transformer that ships, both branches',
      output: 'prediction',
      open: (precision) => openTransformer(device, precision),
    },
    {
      work: 'video decoder that ships',
      output: 'frames',
      open: (precision) => openDecoder(device, 'first', { pixels: 64, precision }),
    },
    ...models.map(ofDit),
    {
      work: 'sd decoder 256x256, random weights',
      output: 'pictures',
      open: (precision) => openPictureDecoder(device, pictureDecoder('sd'), precision),
    },
  ];
}

/** What narrower products change: one forward pass of each model beside its own float32, and videos of the same seed. */
export async function benchNumerics({ threads, models, precisions }: Options): Promise<Measured> {
  const narrow = precisions.filter((precision) => precision !== 'f32');
  const rows: Row[] = [];
  using device = openDevice({ threads });
  for (const forward of forwards(device, models)) {
    const exact = await predict(forward, 'f32');
    for (const precision of narrow) {
      const values = await predict(forward, precision);
      const error = relativeDifference(values, exact);
      rows.push(ownRow(forward.work, precision, null, { details: { 'relative error': error } }));
    }
  }
  const videos = async (dtype: Precision) => {
    await using pipe = await loadPipeline(modelDirectory, { threads, dtype });
    const made = [];
    for (const [prompt, seed] of requests) made.push(await pipe.generate({ prompt, seed }));
    return made;
  };
  const exact = await videos('f32');
  for (const dtype of narrow) {
    const made = await videos(dtype);
    const means = made.map((video, i) => differenceOf(video, exact[i]).absolute);
    const details = { 'difference /255': median(means), 'of the worst': Math.max(...means) };
    rows.push(ownRow(`default videos, ${requests.length} seeds`, dtype, null, { details }));
  }
  const notes = [
    'relative error: |y - y32| by |y32|, Euclidean, y32 being the same plan in f32',
    'difference: mean over all bytes of all frames, beside the f32 video of the same seed; median over prompts and seeds of benchmarks/src/videos.ts',
  ];
  return { isa: device.isa, threads, rows, notes };
}

async function predict({ open, output }: Forward, precision: Precision): Promise<Float32Array> {
  const bound = await open(precision);
  try {
    await bound.run();
    return await bound.read(output);
  } finally {
    bound.dispose();
  }
}
