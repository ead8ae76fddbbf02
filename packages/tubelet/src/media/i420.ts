import type { RgbImage } from './rgb-image.js';

/**
 * BT.709 in limited range (Rec. ITU-R BT.709-6, items 3.2 to 3.4; 8 bits: Y 16 to 235, Cb and Cr 16 to 240), scaled by 2^16.
 * The rows sum to 219/255 and 0, so white is exactly 235 and every grey has Cb = Cr = 128.
 */
const one = 65536;
const kr = 0.2126;
const kb = 0.0722;
const yr = Math.round((kr * 219 * one) / 255);
const yb = Math.round((kb * 219 * one) / 255);
const yg = Math.round((219 * one) / 255) - yr - yb;
const half = Math.round((0.5 * 224 * one) / 255);
const cbr = -Math.round((0.5 * kr * 224 * one) / (255 * (1 - kb)));
const cbg = -half - cbr;
const crb = -Math.round((0.5 * kb * 224 * one) / (255 * (1 - kr)));
const crg = -half - crb;

/** The next even number: 4:2:0 video has no odd sides. */
export function evenSide(side: number): number {
  return side + (side & 1);
}

/**
 * RGB to planar YCbCr 4:2:0 (I420), BT.709 limited range, chroma averaged over each block of 2x2 pixels (centre siting).
 *
 * An odd side grows by one: the last row or column is repeated.
 *
 * @returns Y, Cb, Cr planes one after another, `evenSide(width) * evenSide(height) * 3 / 2` bytes
 */
export function rgbToI420({ data, width, height }: RgbImage): Uint8Array {
  const evenWidth = evenSide(width);
  const evenHeight = evenSide(height);
  const planeSize = evenWidth * evenHeight;
  const i420 = new Uint8Array((planeSize * 3) / 2);
  let cbAt = planeSize;
  let crAt = planeSize + planeSize / 4;

  for (let y = 0; y < evenHeight; y += 2) {
    for (let x = 0; x < evenWidth; x += 2) {
      let red = 0;
      let green = 0;
      let blue = 0;
      for (let corner = 0; corner < 4; corner++) {
        const cornerX = x + (corner & 1);
        const cornerY = y + (corner >> 1);
        const from = (Math.min(cornerY, height - 1) * width + Math.min(cornerX, width - 1)) * 3;
        const r = data[from]!;
        const g = data[from + 1]!;
        const b = data[from + 2]!;
        i420[cornerY * evenWidth + cornerX] = (yr * r + yg * g + yb * b + 16.5 * one) >> 16;
        red += r;
        green += g;
        blue += b;
      }
      i420[cbAt++] = (cbr * red + cbg * green + half * blue + 4 * 128.5 * one) >> 18;
      i420[crAt++] = (half * red + crg * green + crb * blue + 4 * 128.5 * one) >> 18;
    }
  }
  return i420;
}
