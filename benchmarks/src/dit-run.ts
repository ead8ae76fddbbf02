import { type DitConfig, dit, packDit } from '@tubelet/models';
import {
  compile,
  type Device,
  openWeights,
  type Precision,
  type RuntimePlan,
} from '@tubelet/runtime';
import { type BoundPlan, bindPlan } from './bound-plan.js';
import type { OnnxRuntime, OnnxSession, OnnxTensor } from './peer.js';
import { randomTensor } from './random-weights.js';

/** The inputs that both runtimes are given. */
export function ditInputs({ inChannels, inputSize }: DitConfig, images: number) {
  const shape = [images, inChannels, inputSize, inputSize];
  return {
    shape,
    latents: randomTensor('latents', shape).map((value) => value * Math.sqrt(inChannels)),
    timestep: Float32Array.from({ length: images }, (_, image) => 999 - 125 * image),
    label: Int32Array.from({ length: images }, (_, image) => 207 + image),
  };
}

interface Run {
  readonly images: number;
  readonly precision: Precision;
}

/** From the file to a plan. */
export async function compileDit(
  device: Device,
  weightsPath: string,
  config: DitConfig,
  { images, precision }: Run,
): Promise<RuntimePlan> {
  const weights = await openWeights(weightsPath);
  const { sizes } = packDit(config, images);
  return compile(device, dit(config), weights, sizes, { precision });
}

export async function openDit(
  device: Device,
  weightsPath: string,
  config: DitConfig,
  run: Run,
): Promise<BoundPlan> {
  return bindDit(device, await compileDit(device, weightsPath, config, run), config, run.images);
}

export async function bindDit(
  device: Device,
  plan: RuntimePlan,
  config: DitConfig,
  images: number,
): Promise<BoundPlan> {
  const { sizes, inputs } = packDit(config, images);
  const { latents, timestep, label } = ditInputs(config, images);
  return bindPlan(device, plan, { ...inputs, latents, timestep, label }, sizes);
}

/** The twin's feeds of the same inputs. */
export function ditFeeds({ Tensor }: OnnxRuntime, config: DitConfig, images: number) {
  const { shape, latents, timestep, label } = ditInputs(config, images);
  return {
    latents: new Tensor('float32', latents, shape),
    timestep: new Tensor('float32', timestep, [images]),
    label: new Tensor('int64', BigInt64Array.from(label, BigInt), [images]),
  };
}

export async function runTwin(
  session: OnnxSession,
  feeds: Readonly<Record<string, OnnxTensor>>,
): Promise<Float32Array> {
  const { prediction } = await session.run(feeds);
  return prediction.data;
}

/** Largest absolute difference; infinite where a value is not finite. */
export function maxDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  return a.reduce((most, value, i) => {
    const difference = Math.abs(value - b[i]);
    return Number.isFinite(difference) ? Math.max(most, difference) : Number.POSITIVE_INFINITY;
  }, 0);
}
