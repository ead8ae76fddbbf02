import {
  type Device,
  type GrowingPlan,
  type RunOptions,
  readFloat32,
  upload,
  type Weights,
} from '@tubelet/runtime';
import { TubeletError } from '../errors.js';
import type { ClipSource, ImageSource } from '../media/index.js';

/** A model of classes, ready to run. */
export interface ClassModel {
  readonly takes: 'image' | 'clip';
  readonly labels: readonly string[];
  readonly weights: Weights;
  /** What it answers for each class. */
  logits(source: ClipSource | ImageSource, options: RunOptions): Promise<Float32Array>;
}

type Data = Readonly<Record<string, Int32Array | Float32Array>>;

/** Runs a plan for one image or clip. */
export async function runLogits(
  device: Device,
  plan: GrowingPlan,
  {
    inputs: given,
    sizes,
    outputs: elements,
  }: {
    readonly inputs: Data;
    readonly sizes: Readonly<Record<string, number>>;
    /** Values of each output. */
    readonly outputs: Readonly<Record<string, number>>;
  },
  options: RunOptions,
): Promise<Float32Array> {
  const uploaded = await Promise.all(
    Object.entries(given).map(async ([name, data]) => [name, await upload(device, data)] as const),
  );
  const results = Object.entries(elements).map(
    ([name, count]) => [name, device.allocate(4 * count)] as const,
  );
  const [inputs, outputs] = [Object.fromEntries(uploaded), Object.fromEntries(results)];
  try {
    await plan.run({ inputs, outputs }, sizes, options);
    return await readFloat32(outputs.logits!);
  } finally {
    for (const [, buffer] of [...uploaded, ...results]) buffer.dispose();
  }
}

/** @throws TubeletError UNSUPPORTED for a model that was saved without its classification head */
export function requireLabels(
  labels: readonly string[] | null,
  architecture: string,
): readonly string[] {
  if (labels) return labels;
  const message = `architectures must be = ${architecture}, got a model without classes`;
  throw new TubeletError('UNSUPPORTED', 'model', message);
}

/** @throws TubeletError UNSUPPORTED for a model of other pictures than RGB */
export function requireRgb(channels: number): void {
  if (channels === 3) return;
  const message = `num_channels must be = 3 for pictures, got ${channels}`;
  throw new TubeletError('UNSUPPORTED', 'model', message);
}
