import type { RgbImage } from './rgb-image.js';

const lobes = 3;

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

function lanczos(x: number): number {
  return Math.abs(x) < lobes ? sinc(x) * sinc(x / lobes) : 0;
}

/** The source pixels that one target pixel is made of: from `start`, with weights whose sum is 1. */
interface Window {
  readonly start: number;
  readonly weights: readonly number[];
}

// When shrinking, the filter is as many times wider: no source pixel is skipped.
function windows(from: number, to: number): Window[] {
  const ratio = from / to;
  const widening = Math.max(ratio, 1);
  const support = lobes * widening;
  return Array.from({ length: to }, (_, target) => {
    const centre = (target + 0.5) * ratio;
    const start = Math.max(0, Math.round(centre - support));
    const end = Math.min(from, Math.round(centre + support));
    const weights = Array.from({ length: end - start }, (_, tap) =>
      lanczos((start + tap + 0.5 - centre) / widening),
    );
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { start, weights: weights.map((weight) => weight / sum) };
  });
}

function resizeRows({ data, width, height }: RgbImage, target: number): RgbImage {
  const resized = new Uint8ClampedArray(target * height * 3);
  windows(width, target).forEach(({ start, weights }, x) => {
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
 * Resizes with the Lanczos filter of three lobes, rows then columns, each rounded to 8 bits: Pillow's `Image.LANCZOS`, which the
 * diffusers pipelines use.
 */
export function resizeLanczos(image: RgbImage, width: number, height: number): RgbImage {
  return transpose(resizeRows(transpose(resizeRows(image, width)), height));
}
