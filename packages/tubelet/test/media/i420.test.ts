import { describe, expect, it } from 'vitest';
import { rgbToI420 } from '../../src/media/i420.js';
import { flat, noise } from './clips.js';

/** The same conversion from the definition, in double precision. */
function reference(r: number, g: number, b: number): [number, number, number] {
  const luma = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  return [
    16 + (219 * luma) / 255,
    128 + (224 * (b - luma)) / (255 * 1.8556),
    128 + (224 * (r - luma)) / (255 * 1.5748),
  ];
}

describe('rgbToI420', () => {
  it.each([
    ['white', [255, 255, 255], [235, 128, 128]],
    ['black', [0, 0, 0], [16, 128, 128]],
    ['red', [255, 0, 0], [63, 102, 240]],
    ['green', [0, 255, 0], [173, 42, 26]],
    ['blue', [0, 0, 255], [32, 240, 118]],
  ])('gives the BT.709 limited-range values of %s', (_, colour, ycbcr) => {
    const i420 = rgbToI420({ data: flat(2, 2, colour), width: 2, height: 2 });
    expect([...i420]).toEqual([...Array(4).fill(ycbcr[0]), ycbcr[1], ycbcr[2]]);
  });

  it('keeps every grey without colour', () => {
    for (let grey = 0; grey < 256; grey++) {
      const i420 = rgbToI420({ data: flat(2, 2, [grey, grey, grey]), width: 2, height: 2 });
      expect([i420[4], i420[5]]).toEqual([128, 128]);
    }
  });

  it('rounds to the nearest value, chroma over 2x2 pixels', () => {
    const width = 32;
    const height = 16;
    const data = noise(width, height);
    const i420 = rgbToI420({ data, width, height });
    const at = (x: number, y: number) => [...data.subarray((y * width + x) * 3).subarray(0, 3)];
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const [r, g, b] = at(x, y);
        expect(Math.abs(i420[y * width + x]! - reference(r!, g!, b!)[0])).toBeLessThan(0.51);
      }
    }
    for (let y = 0; y < height; y += 2) {
      for (let x = 0; x < width; x += 2) {
        const corners = [at(x, y), at(x + 1, y), at(x, y + 1), at(x + 1, y + 1)];
        const mean = [0, 1, 2].map((c) => corners.reduce((sum, rgb) => sum + rgb[c]! / 4, 0));
        const [, cb, cr] = reference(mean[0]!, mean[1]!, mean[2]!);
        const plane = width * height + (y / 2) * (width / 2) + x / 2;
        expect(Math.abs(i420[plane]! - cb)).toBeLessThan(0.51);
        expect(Math.abs(i420[plane + (width * height) / 4]! - cr)).toBeLessThan(0.51);
      }
    }
  });

  it('repeats the last row and column of odd sides', () => {
    const data = Uint8Array.from([10, 10, 10, 50, 50, 50, 90, 90, 90]);
    const i420 = rgbToI420({ data, width: 3, height: 1 });
    expect(i420.length).toBe((4 * 2 * 3) / 2);
    const luma = [25, 59, 93, 93];
    expect([...i420]).toEqual([...luma, ...luma, 128, 128, 128, 128]);
  });
});
