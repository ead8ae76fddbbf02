import { type Arithmetic, denoise, type Guidance, type Schedule } from '@tubelet/diffusion';
import { type Buffer, type Device, readFloat32, upload } from '@tubelet/runtime';
import { TubeletError } from '../errors.js';
import { aborted } from './aborted.js';
import { hostArithmetic } from './host-arithmetic.js';
import { type LatentMath, latentPool } from './latents.js';
import type { LatentSize } from './model-calls.js';
import type { HeldFrames, MixedStart } from './prompts.js';
import type { CheckedRequest, GenerateRequest } from './request.js';
import { openModel, type PreparedModel } from './step-cache.js';

/** What denoising needs of a request beside its sizes. */
export interface Denoising {
  readonly schedule: Schedule;
  readonly guidance: Guidance;
  readonly model: PreparedModel;
  /** Of the latents. */
  readonly channels: number;
  /** How many times the latents' channels the model answers; the second part is the variance. */
  readonly predictions: 1 | 2;
  readonly held: HeldFrames | undefined;
  readonly mixed: MixedStart | undefined;
}

/** Streams of a seed's noise: the start, then one per draw of the scheduler. */
const startStream = 0;
const firstDrawStream = 1;

/**
 * From noise to latents. Held frames follow Wan 2.2's image to video (diffusers 0.42.1, `expand_timesteps`): the model
 * always sees them clean; the scheduler steps all frames; they are put back once more at the end.
 *
 * @returns [channels, frames, height, width], normalised
 */
export async function denoiseLatents(
  { device, math }: { readonly device: Device; readonly math: LatentMath },
  { latents, signal, cache, onStep, onProgress }: GenerateRequest,
  { latent, seed }: CheckedRequest,
  { schedule, guidance, model: prepared, channels, predictions, held: frames, mixed }: Denoising,
): Promise<Float32Array> {
  const elements = channels * latent.frames * latent.height * latent.width;
  const pool = latentPool(device, elements);
  /** Some latents, filled by what is queued on the device. */
  const filled = async (fill: (into: Buffer) => Promise<void>): Promise<Buffer> => {
    const { whole } = pool.take(1);
    await fill(whole);
    return whole;
  };
  const arithmetic: Arithmetic<Buffer> = {
    combine: (terms) => filled((into) => math.combine(terms, elements, into, { signal })),
    noise: (index) => filled((into) => math.noise(seed, firstDrawStream + index, elements, into)),
    ...hostArithmetic(
      {
        read: (buffer: Buffer) => readFloat32(buffer, elements),
        write: (values) => filled((into) => into.write(values)),
      },
      channels,
    ),
  };

  const held = frames && (await uploadHeld(device, frames, latent, elements));
  const withHeld = async (sample: Buffer) =>
    held ? filled((into) => math.hold(sample, held, elements, into, { signal })) : sample;
  const mix = async (noise: Buffer, { values, share }: MixedStart) => {
    const beside = await filled((into) => into.write(values));
    return arithmetic.combine([
      [noise, share],
      [beside, 1 - share],
    ]);
  };
  const total = schedule.steps.length;
  const model = await openModel(
    prepared,
    {
      async input({ input, timestep, branches }) {
        const clip = await withHeld(input);
        if (branches.length === 1) return { latents: clip, timestep };
        const { whole, parts } = pool.take(branches.length);
        const copy = (part: Buffer) => math.combine([[clip, 1]], elements, part, { signal });
        await Promise.all(parts.map(copy));
        return { latents: whole, timestep };
      },
      async output({ branches }, fill) {
        const { whole, parts } = pool.take(branches.length * predictions);
        await fill(whole);
        return branches.map((_, i) => ({
          prediction: parts[i * predictions]!,
          ...(predictions === 2 ? { variance: parts[2 * i + 1]! } : {}),
        }));
      },
    },
    arithmetic,
    cache,
    { signal },
  );

  try {
    const noise = await filled((into) =>
      latents ? into.write(latents) : math.noise(seed, startStream, elements, into),
    );
    const start = mixed ? await mix(noise, mixed) : noise;
    const scale = schedule.initialNoiseScale;
    const sample = scale === 1 ? start : await arithmetic.combine([[start, scale]]);
    onProgress?.({ stage: 'denoise', done: 0, total });
    const result = await denoise<Buffer>({
      schedule,
      registers: new Map([['sample', sample]]),
      guidance,
      arithmetic,
      signal,
      predict: model.predict,
      async onStep({ index, step: { timestep }, registers }) {
        pool.keep([...registers.values(), ...model.held()]);
        const { isReused } = model;
        const read = () => readFloat32(registers.get('sample')!, elements);
        await onStep?.({ step: index + 1, steps: total, timestep, isReused, latents: read });
        onProgress?.({ stage: 'denoise', done: index + 1, total });
      },
    });
    return await readFloat32(await withHeld(result), elements);
  } catch (error) {
    throw signal?.aborted && !TubeletError.isInstance(error) ? aborted(signal) : error;
  } finally {
    model.dispose();
    held?.mask.dispose();
    held?.values.dispose();
    pool.dispose();
  }
}

async function uploadHeld(
  device: Device,
  { frames: count, values: given }: HeldFrames,
  { frames, height, width }: LatentSize,
  elements: number,
) {
  const area = height * width;
  const size = count * area;
  const mask = new Float32Array(elements).fill(1);
  const values = new Float32Array(elements);
  for (let at = 0, from = 0; at < elements; at += frames * area, from += size) {
    mask.fill(0, at, at + size);
    values.set(given.subarray(from, from + size), at);
  }
  return { mask: await upload(device, mask), values: await upload(device, values) };
}
