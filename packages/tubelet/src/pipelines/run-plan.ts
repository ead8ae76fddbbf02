import {
  type Buffer,
  type Device,
  type GrowingPlan,
  type RunOptions,
  readFloat32,
  upload,
} from '@tubelet/runtime';
import type { PackedInputs } from './model-calls.js';
import { disposeAll } from './sized-plans.js';

/**
 * Runs a plan of one output for values from the host.
 *
 * @param output its name
 * @param elements of the output
 */
export async function runPlan(
  device: Device,
  plan: Pick<GrowingPlan, 'run'>,
  { inputs: given, sizes }: PackedInputs,
  { output, elements }: { readonly output: string; readonly elements: number },
  options?: RunOptions,
): Promise<Float32Array> {
  const buffers: Record<string, Buffer> = {};
  const result = device.allocate(elements * Float32Array.BYTES_PER_ELEMENT);
  try {
    for (const [name, data] of Object.entries(given)) buffers[name] = await upload(device, data);
    await plan.run({ inputs: buffers, outputs: { [output]: result } }, sizes, options);
    return await readFloat32(result);
  } finally {
    disposeAll({ ...buffers, result });
  }
}
