import type { Device } from '@tubelet/runtime';
import type { LatentMath } from './latents.js';
import type { LatentSize, PreparedInputs } from './model-calls.js';

/**
 * Inputs of a model whose latents have further channels behind them, the same at every step.
 *
 * @param behind [channels, frames, height, width]
 * @param elements of one branch's latents
 */
export async function besideLatents(
  device: Device,
  math: LatentMath,
  inputs: PreparedInputs,
  behind: Float32Array,
  elements: number,
  branches: number,
): Promise<PreparedInputs> {
  const bytes = elements * Float32Array.BYTES_PER_ELEMENT;
  const stride = bytes + behind.byteLength;
  const whole = device.allocate(branches * stride);
  for (let i = 0; i < branches; i++) await whole.write(behind, i * stride + bytes);
  return {
    ...inputs,
    async latentsOf(latents, options) {
      for (let i = 0; i < branches; i++) {
        const [from, into] = [latents.view(i * bytes, bytes), whole.view(i * stride, bytes)];
        try {
          await math.combine([[from, 1]], elements, into, options);
        } finally {
          from.dispose();
          into.dispose();
        }
      }
      return whole;
    },
    dispose() {
      inputs.dispose();
      whole.dispose();
    },
  };
}

/**
 * An image's latents as channels of a clip: those of the first frame, zeros in all others.
 *
 * @param image [channels, 1, height, width]
 * @returns [channels, frames, height, width]
 */
export function firstFrameOf(
  image: Float32Array,
  { frames, height, width }: LatentSize,
): Float32Array {
  const area = height * width;
  const clip = new Float32Array(image.length * frames);
  for (let at = 0; at < image.length; at += area)
    clip.set(image.subarray(at, at + area), at * frames);
  return clip;
}
