import type { RgbImage } from './rgb-image.js';

/** A filter by its reach, in target pixels where the image grows. */
interface Filter {
  readonly support: number;
  at(distance: number): number;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/** Pillow's filters. */
const filters = {
  bilinear: { support: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: {
    support: 2,
    at(distance) {
      const a = -0.5;
      const x = Math.abs(distance);
      if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
    },
  },
  lanczos: { support: 3, at: (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) },
} satisfies Record<string, Filter>;

export type ResampleFilter = keyof typeof filters;

/** The source pixels that one target pixel is made of: from `start`, with weights whose sum is 1. */
interface Window {
  readonly start: number;
  readonly weights: readonly number[];
}

// When shrinking, the filter is as many times wider: no source pixel is skipped.
function windows(from: number, to: number, filter: Filter): Window[] {
  const ratio = from / to;
  const widening = Math.max(ratio, 1);
  const support = filter.support * widening;
  return Array.from({ length: to }, (_, target) => {
    const centre = (target + 0.5) * ratio;
    const start = Math.max(0, Math.round(centre - support));
    const end = Math.min(from, Math.round(centre + support));
    const weights = Array.from({ length: end - start }, (_, tap) =>
      filter.at((start + tap + 0.5 - centre) / widening),
    );
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { start, weights: weights.map((weight) => weight / sum) };
  });
}

function resizeRows({ data, width, height }: RgbImage, target: number, filter: Filter): RgbImage {
  const resized = new Uint8ClampedArray(target * height * 3);
  windows(width, target, filter).forEach(({ start, weights }, x) => {
    for (let y = 0; y < height; y++) {
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0;
        for (let tap = 0; tap < weights.length; tap++) {
          sum += weights[tap]! * data[(y * width + start + tap) * 3 + channel]!;
        }
        resized[(y * target + x) * 3 + channel] = sum;
      }
    }
  });
  return { data: new Uint8Array(resized.buffer), width: target, height };
}

function transpose({ data, width, height }: RgbImage): RgbImage {
  const turned = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < 3; channel++) {
        turned[(x * height + y) * 3 + channel] = data[(y * width + x) * 3 + channel]!;
      }
    }
  }
  return { data: turned, width: height, height: width };
}

/**
 * Resizes by a filter, rows then columns, each rounded to 8 bits, as Pillow does; when shrinking, the filter is wider
 * (antialiasing).
 */
export function resample(
  image: RgbImage,
  width: number,
  height: number,
  by: ResampleFilter,
): RgbImage {
  const filter = filters[by];
  return transpose(resizeRows(transpose(resizeRows(image, width, filter)), height, filter));
}

/** By the Lanczos filter of three lobes, which the diffusers pipelines use. */
export function resizeLanczos(image: RgbImage, width: number, height: number): RgbImage {
  return resample(image, width, height, 'lanczos');
}
