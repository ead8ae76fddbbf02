import type { Arithmetic } from '@tubelet/diffusion';

/** Reads latents, and puts some where the others are. */
export interface HostLatents<Latents> {
  read(latents: Latents): Promise<Float32Array>;
  write(values: Float32Array): Promise<Latents>;
}

type Nonlinear =
  | 'clamp'
  | 'threshold'
  | 'learnedRange'
  | 'combineChannels'
  | 'matchDeviation'
  | 'dot';

/**
 * The rare assignments of schedules and guidance that are not linear combinations, on the host: beside a run of the model,
 * reading latents back is nothing.
 *
 * @param channels of the latents, [channels, …]
 */
export function hostArithmetic<Latents>(
  { read, write }: HostLatents<Latents>,
  channels: number,
): Required<Pick<Arithmetic<Latents>, Nonlinear>> {
  return {
    async clamp(latents, limit) {
      const values = await read(latents);
      return write(values.map((value) => Math.min(Math.max(value, -limit), limit)));
    },
    async threshold(latents, ratio, max) {
      const values = await read(latents);
      const sorted = values.map(Math.abs).sort();
      const limit = Math.min(Math.max(quantile(sorted, ratio), 1), max);
      return write(values.map((value) => Math.min(Math.max(value, -limit), limit) / limit));
    },
    async learnedRange(noise, variance, logMin, logMax) {
      const [values, variances] = await Promise.all([read(noise), read(variance)]);
      const scaled = values.map((value, i) => {
        const share = (variances[i]! + 1) / 2;
        return value * Math.exp((share * logMax + (1 - share) * logMin) / 2);
      });
      return write(scaled);
    },
    async combineChannels(terms, guided, rest) {
      const out = await read(rest);
      const end = (out.length / channels) * Math.min(guided, channels);
      const parts = await Promise.all(
        terms.map(async ([latents, weight]) => ({ values: await read(latents), weight })),
      );
      for (let i = 0; i < end; i++)
        out[i] = parts.reduce((sum, { values, weight }) => sum + weight * values[i]!, 0);
      return write(out);
    },
    async matchDeviation(latents, like, share) {
      const [values, others] = await Promise.all([read(latents), read(like)]);
      const scale = 1 - share + (share * deviation(others)) / deviation(values);
      return write(values.map((value) => value * scale));
    },
    async dot(a, b) {
      const [left, right] = await Promise.all([read(a), read(b)]);
      return left.reduce((sum, value, i) => sum + value * right[i]!, 0);
    },
  };
}

function deviation(values: Float32Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

/** Of sorted values, linearly interpolated. */
function quantile(sorted: Float32Array, ratio: number): number {
  const position = ratio * (sorted.length - 1);
  const low = Math.floor(position);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low]! + (sorted[high]! - sorted[low]!) * (position - low);
}
