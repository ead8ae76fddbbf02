import type { Arithmetic } from '@tubelet/diffusion';

/** How many parts the elements of some latents fall into; each default is 1. */
export interface LatentsShape {
  /** Samples: thresholds are per sample. */
  readonly samples?: number;
  /** Tokens, samples counted in: coefficients per token. */
  readonly tokens?: number;
  /** Channels of one sample. */
  readonly channels?: number;
}

/** The arithmetic of schedules in double precision, in plain loops. */
export function doubleArithmetic(
  { samples = 1, tokens = 1, channels = 1 }: LatentsShape,
  noise: (index: number) => Float64Array,
): Required<Arithmetic<Float64Array>> {
  return {
    noise,
    combine: (terms) =>
      terms[0][0].map((_, i) =>
        terms.reduce((sum, [x, coefficient]) => sum + coefficient * x[i], 0),
      ),
    combineTokens(terms) {
      const width = terms[0][0].length / tokens;
      return terms[0][0].map((_, i) =>
        terms.reduce(
          (sum, [x, coefficients]) => sum + coefficients[Math.floor(i / width)] * x[i],
          0,
        ),
      );
    },
    combineChannels(terms, guided, rest) {
      const width = rest.length / samples / channels;
      return rest.map((value, i) =>
        Math.floor(i / width) % channels < guided
          ? terms.reduce((sum, [x, coefficient]) => sum + coefficient * x[i], 0)
          : value,
      );
    },
    clamp: (x, limit) => x.map((value) => Math.min(Math.max(value, -limit), limit)),
    threshold(x, ratio, max) {
      const size = x.length / samples;
      const limits = Array.from({ length: samples }, (_, sample) => {
        const sorted = x.slice(sample * size, (sample + 1) * size).map(Math.abs);
        return Math.min(Math.max(quantile(sorted.sort(), ratio), 1), max);
      });
      return x.map((value, i) => {
        const limit = limits[Math.floor(i / size)];
        return Math.min(Math.max(value, -limit), limit) / limit;
      });
    },
    learnedRange: (x, variance, logMin, logMax) =>
      x.map((value, i) => {
        const share = (variance[i] + 1) / 2;
        return value * Math.exp((share * logMax + (1 - share) * logMin) / 2);
      }),
    matchDeviation(x, like, share) {
      const size = x.length / samples;
      const scales = Array.from({ length: samples }, (_, sample) => {
        const [from, to] = [sample * size, (sample + 1) * size];
        const ratio = deviation(like.slice(from, to)) / deviation(x.slice(from, to));
        return 1 - share + share * ratio;
      });
      return x.map((value, i) => value * scales[Math.floor(i / size)]);
    },
    dot: (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0),
  };
}

function deviation(values: Float64Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

function quantile(sorted: Float64Array, ratio: number): number {
  const position = ratio * (sorted.length - 1);
  const low = Math.floor(position);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (position - low);
}
