import { check, checkWhole } from './check.js';

/** An 8-bit sRGB picture: row-major, three bytes a pixel, `width * height * 3` bytes. */
export interface RgbImage {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** The largest even side that the fields of an mp4 and a gif hold. */
const maxSide = 65534;

export function checkSize(op: string, width: number, height: number): void {
  checkWhole(op, 'width', width, 1, maxSide);
  checkWhole(op, 'height', height, 1, maxSide);
}

export function checkRgb(op: string, data: Uint8Array, width: number, height: number): void {
  check(data instanceof Uint8Array, op, 'frame', 'an RGB Uint8Array', typeof data);
  const bytes = width * height * 3;
  check(data.length === bytes, op, 'frame bytes', `${width}*${height}*3 = ${bytes}`, data.length);
}

/**
 * Enlarges by a whole factor without blending: each pixel becomes a block of `scale * scale`.
 *
 * @returns always a new array, also for `scale` 1
 */
export function enlargeNearest(image: RgbImage, scale: number): Uint8Array {
  const { data, width, height } = image;
  if (scale === 1) return data.slice();
  const rowBytes = width * scale * 3;
  const enlarged = new Uint8Array(rowBytes * height * scale);
  for (let y = 0; y < height; y++) {
    const start = y * scale * rowBytes;
    let to = start;
    for (let x = 0; x < width; x++) {
      const from = (y * width + x) * 3;
      for (let copy = 0; copy < scale; copy++) {
        enlarged[to++] = data[from]!;
        enlarged[to++] = data[from + 1]!;
        enlarged[to++] = data[from + 2]!;
      }
    }
    for (let copy = 1; copy < scale; copy++) {
      enlarged.copyWithin(start + copy * rowBytes, start, start + rowBytes);
    }
  }
  return enlarged;
}
