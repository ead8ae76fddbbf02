import { absoluteChange } from '@tubelet/models';
import {
  type Buffer,
  type Device,
  growingPlan,
  type RunOptions,
  readFloat32,
  type SplitPlan,
  weightsOf,
} from '@tubelet/runtime';
import type { LatentMath } from './latents.js';
import type { PreparedInputs, SplitCalls } from './model-calls.js';

/** Calls of a transformer in three parts. */
export function splitCalls(
  device: Device,
  math: LatentMath,
  plan: SplitPlan,
): (prepared: PreparedInputs) => SplitCalls {
  const { width } = plan;
  const ones = { shape: [1, width], data: new Float32Array(width).fill(1) };
  const change = growingPlan(device, absoluteChange(width), weightsOf({ ones }));

  return ({ inputs, sizes, setTimestep, latentsOf, dispose }) => {
    const carried = plan.carry(sizes);
    const { embedded, first, last } = carried;
    const elements = first.bytes / Float32Array.BYTES_PER_ELEMENT;
    const tokens = elements / width;
    const values = (count: number) => device.allocate(count * Float32Array.BYTES_PER_ELEMENT);
    const added = values(elements);
    const changes = { change: values(tokens), size: values(tokens) };
    let residual = values(elements);
    let known = values(elements);
    let isKnown = false;
    const buffers = { ...inputs, ...carried };

    const changeOf = async (options?: RunOptions) => {
      const given = { inputs: { x: residual, known }, outputs: changes };
      await change.run(given, { tokens }, options);
      const [of, size] = await Promise.all([
        sumOf(changes.change, tokens),
        sumOf(changes.size, tokens),
      ]);
      return of / size;
    };

    return {
      async first(latents, timestep, options) {
        const seen = await latentsOf(latents, options);
        const written = setTimestep(timestep);
        await Promise.all([
          written,
          plan.run('first', { ...buffers, latents: seen }, sizes, options),
        ]);
        await math.combine(difference(first, embedded), elements, residual, options);
        return isKnown ? changeOf(options) : undefined;
      },
      async rest(options) {
        await plan.run('rest', buffers, sizes, options);
        await math.combine(difference(last, first), elements, added, options);
        [residual, known] = [known, residual];
        isKnown = true;
      },
      async last(prediction, isReused, options) {
        const sum = [[first, 1] as const, [added, 1] as const];
        if (isReused) await math.combine(sum, elements, last, options);
        await plan.run('last', { ...buffers, prediction }, sizes, options);
      },
      dispose() {
        dispose();
        const own = [...Object.values(carried), ...Object.values(changes), added, residual, known];
        for (const buffer of own) buffer.dispose();
      },
    };
  };
}

function difference(a: Buffer, b: Buffer) {
  return [[a, 1] as const, [b, -1] as const];
}

async function sumOf(buffer: Buffer, elements: number): Promise<number> {
  return (await readFloat32(buffer, elements)).reduce((sum, value) => sum + value, 0);
}
