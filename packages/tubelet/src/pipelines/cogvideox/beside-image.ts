import type { Device } from '@tubelet/runtime';
import type { LatentMath } from '../latents.js';
import type { LatentSize, PreparedInputs } from '../model-calls.js';

/**
 * Inputs of a model whose latents have an image's behind them as further channels: those of the first frame, zeros in all others.
 *
 * @param image [channels, 1, height, width]
 * @param branches how many clips a call has
 */
export async function besideImage(
  device: Device,
  math: LatentMath,
  inputs: PreparedInputs,
  image: Float32Array,
  { frames, height, width }: LatentSize,
  branches: number,
): Promise<PreparedInputs> {
  const area = height * width;
  const behind = new Float32Array(image.length * frames);
  for (let at = 0; at < image.length; at += area)
    behind.set(image.subarray(at, at + area), at * frames);
  const elements = behind.length;
  const bytes = behind.byteLength;
  const whole = device.allocate(2 * branches * bytes);
  for (let i = 0; i < branches; i++) await whole.write(behind, (2 * i + 1) * bytes);
  return {
    ...inputs,
    async latentsOf(latents, options) {
      for (let i = 0; i < branches; i++) {
        const [from, into] = [latents.view(i * bytes, bytes), whole.view(2 * i * bytes, bytes)];
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
