import {
  type Device,
  type RunOptions,
  type RuntimePlan,
  readFloat32,
  upload,
} from '@tubelet/runtime';
import type { LatentMath } from './latents.js';
import { disposeAll, runSized } from './sized-plans.js';

/** The stream of a seed's noise for an image's posterior, far from those of a scheduler. */
export const posteriorStream = 0x10000000;

/**
 * Encodes one picture by a plan with the input `frames` and the outputs `mean` and `logvar`.
 *
 * @param pixels [height, width, 3] in [-1, 1]
 * @returns a sample of the posterior: [channels, 1, h, w]
 */
export async function encodePosterior(
  { device, math, plan, channels }: PosteriorEncoder,
  pixels: Float32Array,
  { seed, signal }: RunOptions & { readonly seed: number },
): Promise<Float32Array> {
  const frames = await upload(device, pixels);
  try {
    const outputs = await runSized(device, plan, { frames }, { signal });
    const [mean, logvar] = await Promise.all([
      readFloat32(outputs.mean!),
      readFloat32(outputs.logvar!),
    ]).finally(() => disposeAll(outputs));
    const noise = await math.noiseValues(seed, posteriorStream, mean.length);
    return samplePosterior(mean, logvar, noise, channels);
  } finally {
    frames.dispose();
  }
}

interface PosteriorEncoder {
  readonly device: Device;
  readonly math: LatentMath;
  readonly plan: RuntimePlan;
  /** Of the latents. */
  readonly channels: number;
}

/**
 * mean + exp(logvar / 2) · noise.
 *
 * @param mean [places, channels], and so `logvar`
 * @param noise [channels, places]
 * @returns [channels, places]
 */
function samplePosterior(
  mean: Float32Array,
  logvar: Float32Array,
  noise: Float32Array,
  channels: number,
): Float32Array {
  const places = mean.length / channels;
  return noise.map((drawn, i) => {
    const from = (i % places) * channels + Math.floor(i / places);
    return mean[from]! + Math.exp(logvar[from]! / 2) * drawn;
  });
}
