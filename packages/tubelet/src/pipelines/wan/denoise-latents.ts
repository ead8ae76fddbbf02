import { type Arithmetic, denoise, type Guidance, type Schedule } from '@tubelet/diffusion';
import { type Buffer, type Device, readFloat32, upload } from '@tubelet/runtime';
import { TubeletError } from '../../errors.js';
import { type LatentMath, latentPool } from '../latents.js';
import { aborted } from './aborted.js';
import { openModel } from './cached-model.js';
import type { CheckedRequest, GenerateRequest } from './request.js';
import type { LatentSize, WanTransformer } from './transformer.js';

/** What denoising needs of a request beside its sizes. */
export interface Denoising {
  readonly schedule: Schedule;
  readonly guidance: Guidance;
  /** Embeddings of each branch of the guidance. */
  readonly texts: readonly Float32Array[];
  /** [channels, 1, height, width]: a first latent frame that stays as it is. */
  readonly heldFrame: Float32Array | undefined;
}

/** Streams of a seed's noise: the start, then one per draw of the scheduler. */
const startStream = 0;
const firstDrawStream = 1;

/**
 * From noise to latents. A held frame follows Wan 2.2's image to video (diffusers 0.42.1, `expand_timesteps`): the model
 * always sees it clean, at timestep 0; the scheduler steps all frames; it is put back once more at the end.
 *
 * @returns [channels, frames, height, width], normalised
 */
export async function denoiseLatents(
  parts: {
    readonly device: Device;
    readonly math: LatentMath;
    readonly transformer: WanTransformer;
  },
  { latents, signal, cache, onStep, onProgress }: GenerateRequest,
  { latent, seed }: CheckedRequest,
  { schedule, guidance, texts, heldFrame }: Denoising,
): Promise<Float32Array> {
  const { device, math, transformer } = parts;
  const elements = transformer.config.outChannels * latent.frames * latent.height * latent.width;
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
  };

  // The held frame has timestep 0: a second row of modulation.
  const rowOf = heldFrame && Array.from({ length: latent.frames }, (_, i) => (i === 0 ? 1 : 0));
  const held = heldFrame && (await uploadHeld(device, heldFrame, latent, elements));
  const withHeld = async (sample: Buffer) =>
    held ? filled((into) => math.hold(sample, held, elements, into, { signal })) : sample;
  const total = schedule.steps.length;
  const model = await openModel(
    transformer,
    { size: latent, texts, rowOf },
    {
      async input({ input, timestep, branches }) {
        const { whole, parts } = pool.take(branches.length);
        const clip = await withHeld(input);
        for (const part of parts) await math.combine([[clip, 1]], elements, part, { signal });
        return { latents: whole, timesteps: held ? [timestep, 0] : [timestep] };
      },
      async output({ branches }, fill) {
        const { whole, parts } = pool.take(branches.length);
        await fill(whole);
        return parts.map((prediction) => ({ prediction }));
      },
    },
    arithmetic,
    cache,
    { signal },
  );

  try {
    const start = await filled((into) =>
      latents ? into.write(latents) : math.noise(seed, startStream, elements, into),
    );
    const scale = latents ? 1 : schedule.initialNoiseScale;
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
  firstFrame: Float32Array,
  { frames, height, width }: LatentSize,
  elements: number,
) {
  const area = height * width;
  const mask = new Float32Array(elements).fill(1);
  const values = new Float32Array(elements);
  for (let at = 0, from = 0; at < elements; at += frames * area, from += area) {
    mask.fill(0, at, at + area);
    values.set(firstFrame.subarray(from, from + area), at);
  }
  return { mask: await upload(device, mask), values: await upload(device, values) };
}
