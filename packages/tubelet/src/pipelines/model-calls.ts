import {
  type Buffer,
  type Device,
  type GrowingPlan,
  type RunOptions,
  upload,
} from '@tubelet/runtime';

/** Latents of a clip: [channels, frames, height, width]. */
export interface LatentSize {
  readonly frames: number;
  readonly height: number;
  readonly width: number;
}

/** One request's model calls: everything that stays the same from step to step is on the device already. */
export interface ModelCalls {
  /**
   * Predicts for every branch in one run, each a segment of it.
   *
   * @param latents the branches' latents one after another
   * @param predictions receives the branches' predictions one after another
   */
  run(latents: Buffer, predictions: Buffer, timestep: number, options?: RunOptions): Promise<void>;
  dispose(): void;
}

/** The same in three parts, for a step cache that reuses what all blocks but the first add. */
export interface SplitCalls {
  /**
   * @param latents the branches' latents one after another
   * @returns mean |residual - remembered| / mean |remembered| of the first block; undefined before the first `rest`
   */
  first(latents: Buffer, timestep: number, options?: RunOptions): Promise<number | undefined>;
  /** Runs the other blocks and remembers what they, and the first block, added. */
  rest(options?: RunOptions): Promise<void>;
  /** @param predictions receives the branches' predictions one after another */
  last(predictions: Buffer, isReused: boolean, options?: RunOptions): Promise<void>;
  dispose(): void;
}

/** What a run of a transformer is given beside latents and timestep, as its `pack` function makes it. */
export interface PackedInputs {
  readonly sizes: Readonly<Record<string, number>>;
  readonly inputs: Readonly<Record<string, ArrayBufferView>>;
}

/** The same on the device, with the timestep. */
export interface PreparedInputs {
  readonly inputs: Readonly<Record<string, Buffer>>;
  readonly sizes: Readonly<Record<string, number>>;
  setTimestep(timestep: number): Promise<void>;
  /** What the model is given for a call's latents. */
  latentsOf(latents: Buffer, options?: RunOptions): Promise<Buffer>;
  dispose(): void;
}

/** @param rowsOf the timestep of each row of modulation */
export async function prepareInputs(
  device: Device,
  { sizes, inputs: given }: PackedInputs,
  rowsOf: (timestep: number) => readonly number[],
): Promise<PreparedInputs> {
  const timestep = device.allocate(rowsOf(0).length * 4);
  const inputs: Record<string, Buffer> = { timestep };
  for (const [name, data] of Object.entries(given)) inputs[name] = await upload(device, data);
  return {
    inputs,
    sizes,
    setTimestep: (value) => timestep.write(Float32Array.from(rowsOf(value))),
    latentsOf: async (latents) => latents,
    dispose() {
      for (const buffer of Object.values(inputs)) buffer.dispose();
    },
  };
}

/**
 * Calls of a plan whose input is `latents` and whose output is `prediction`.
 *
 * @param plan one that grows, or one of the request's size
 */
export async function prepareCalls(
  plan: Pick<GrowingPlan, 'run'> & Partial<Pick<GrowingPlan, 'reserve'>>,
  { inputs, sizes, setTimestep, latentsOf, dispose }: PreparedInputs,
): Promise<ModelCalls> {
  await plan.reserve?.(sizes);
  return {
    async run(latents, prediction, timestep, options) {
      const seen = await latentsOf(latents, options);
      const written = setTimestep(timestep);
      const buffers = { inputs: { ...inputs, latents: seen }, outputs: { prediction } };
      await Promise.all([written, plan.run(buffers, sizes, options)]);
    },
    dispose,
  };
}

/** Several tensors as one, one after another. */
export function joined(parts: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
