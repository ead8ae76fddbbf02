import type { ImageSize } from '@tubelet/models';

/** A ratio of height to width as the table has it, and the size for it. */
type Bin = readonly [ratio: number, height: number, width: number];

/** In sixteenths of a 256 pixel square; those of 512 and 1024 are the same, twice and four times as large. */
const bins: readonly Bin[] = [
  [0.25, 8, 32],
  [0.28, 8, 29],
  [0.32, 9, 28],
  [0.33, 9, 27],
  [0.35, 9, 26],
  [0.4, 10, 25],
  [0.42, 10, 24],
  [0.48, 11, 23],
  [0.5, 11, 22],
  [0.52, 11, 21],
  [0.57, 12, 21],
  [0.6, 12, 20],
  [0.68, 13, 19],
  [0.72, 13, 18],
  [0.78, 14, 18],
  [0.82, 14, 17],
  [0.88, 15, 17],
  [0.94, 15, 16],
  [1, 16, 16],
  [1.07, 16, 15],
  [1.13, 17, 15],
  [1.21, 17, 14],
  [1.29, 18, 14],
  [1.38, 18, 13],
  [1.46, 19, 13],
  [1.67, 20, 12],
  [1.75, 21, 12],
  [2, 22, 11],
  [2.09, 23, 11],
  [2.4, 24, 10],
  [2.5, 25, 10],
  [3, 27, 9],
  [4, 32, 8],
];

/** In sixteenths of a 2048 pixel square, where they are not those of the smaller squares. */
const only2048: readonly Bin[] = [
  [0.26, 8, 31],
  [0.27, 8, 30],
  [2.89, 26, 9],
  [3.11, 28, 9],
  [3.62, 29, 8],
  [3.75, 30, 8],
  [3.88, 31, 8],
];

/**
 * The trained size nearest to a size's aspect ratio (diffusers 0.42.1, ASPECT_RATIO_256_BIN to ASPECT_RATIO_2048_BIN).
 *
 * @param side of the trained square: 256, 512, 1024 or 2048
 */
export function binnedSize({ height, width }: ImageSize, side: number): ImageSize {
  const table = side === 2048 ? [...bins, ...only2048].sort((a, b) => a[0] - b[0]) : bins;
  const ratio = height / width;
  const distance = (bin: Bin) => Math.abs(bin[0] - ratio);
  const [, rows, columns] = table.reduce((best, bin) =>
    distance(bin) < distance(best) ? bin : best,
  );
  return { height: (rows * side) / 16, width: (columns * side) / 16 };
}

/**
 * A picture scaled until it covers a size, and its middle (diffusers' `resize_and_crop_tensor`: PyTorch's bilinear, corners not
 * aligned, no antialias).
 *
 * @param pixels [from.height, from.width, channels]
 */
export function resizeAndCrop(pixels: Float32Array, from: ImageSize, to: ImageSize): Float32Array {
  if (from.height === to.height && from.width === to.width) return pixels;
  const channels = pixels.length / (from.height * from.width);
  const ratio = Math.max(to.height / from.height, to.width / from.width);
  const rows = taps(from.height, Math.trunc(from.height * ratio), to.height);
  const columns = taps(from.width, Math.trunc(from.width * ratio), to.width);
  const out = new Float32Array(to.height * to.width * channels);
  let at = 0;
  for (const [top, bottom, down] of rows) {
    for (const [left, right, along] of columns) {
      for (let c = 0; c < channels; c++) {
        const value = (y: number, x: number) => pixels[(y * from.width + x) * channels + c]!;
        const above = (1 - along) * value(top, left) + along * value(top, right);
        const below = (1 - along) * value(bottom, left) + along * value(bottom, right);
        out[at++] = (1 - down) * above + down * below;
      }
    }
  }
  return out;
}

/** Of each place kept: the two it lies between, and how far along. */
function taps(
  source: number,
  resized: number,
  kept: number,
): (readonly [number, number, number])[] {
  const first = Math.floor((resized - kept) / 2);
  return Array.from({ length: kept }, (_, i) => {
    const at = Math.max(0, ((first + i + 0.5) * source) / resized - 0.5);
    const low = Math.min(Math.floor(at), source - 1);
    return [low, Math.min(low + 1, source - 1), at - low] as const;
  });
}
