import { writeFile } from 'node:fs/promises';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { fitImage, readImage } from '../../src/media/read-image.js';
import { resizeLanczos } from '../../src/media/resample.js';
import { flat, noise, testFolder } from './clips.js';

const files = testFolder();

function picture(data: Uint8Array, width: number, height: number, channels: 1 | 3 | 4 = 3) {
  return sharp(data, { raw: { width, height, channels } });
}

describe('readImage', () => {
  it.each([
    ['png', {}],
    ['webp', { lossless: true }],
    ['tiff', { compression: 'lzw' }],
  ] as const)('reads %s, by path and by bytes', async (format, options) => {
    const expected = { data: noise(9, 5), width: 9, height: 5 };
    const file = await picture(expected.data, 9, 5).toFormat(format, options).toBuffer();
    await writeFile(files.path('image'), file);
    expect(await readImage(file)).toEqual(expected);
    expect(await readImage(files.path('image'))).toEqual(expected);
  });

  it('takes RGB pixels as they are', async () => {
    const image = { data: noise(3, 2), width: 3, height: 2 };
    expect(await readImage(image)).toEqual(image);
    await expect(readImage({ ...image, width: 4 })).rejects.toThrow(/frame bytes must be/);
    const none = null as unknown as string;
    await expect(readImage(none)).rejects.toThrow('[readImage] image must be = a path');
  });

  it('turns by the EXIF orientation', async () => {
    const data = Uint8Array.from([255, 0, 0, 0, 0, 255]);
    const file = await picture(data, 2, 1).png().withMetadata({ orientation: 6 }).toBuffer();
    expect(await readImage(file)).toEqual({ data, width: 1, height: 2 });
  });

  it('puts transparent parts on white', async () => {
    const rgba = Uint8Array.from([200, 0, 0, 255, 9, 9, 9, 0, 0, 0, 0, 128]);
    const { data } = await readImage(await picture(rgba, 3, 1, 4).png().toBuffer());
    expect([...data.subarray(0, 6)]).toEqual([200, 0, 0, 255, 255, 255]);
    expect(Math.abs(data[6]! - 127)).toBeLessThanOrEqual(1);
  });

  it('makes RGB of grey and of 16 bits', async () => {
    const grey = await picture(Uint8Array.from([7, 250]), 2, 1, 1)
      .toColourspace('b-w')
      .png()
      .toBuffer();
    expect([...(await readImage(grey)).data]).toEqual([7, 7, 7, 250, 250, 250]);
    const deep = await picture(flat(2, 1, [10, 20, 30]), 2, 1)
      .toColourspace('rgb16')
      .png()
      .toBuffer();
    expect([...(await readImage(deep)).data]).toEqual([10, 20, 30, 10, 20, 30]);
  });

  it('takes the first frame of an animation', async () => {
    const both = Buffer.concat([flat(4, 4, [255, 0, 0]), flat(4, 4, [0, 0, 255])]);
    const raw = { width: 4, height: 8, channels: 3, pageHeight: 4 } as const;
    const file = await sharp(both, { raw }).gif({ delay: 100 }).toBuffer();
    expect(await readImage(file)).toEqual({ data: flat(4, 4, [255, 0, 0]), width: 4, height: 4 });
  });

  it('reads a file anew when it was replaced', async () => {
    for (const seed of [1, 2]) {
      const data = noise(4, 4, seed);
      await writeFile(files.path('same.png'), await picture(data, 4, 4).png().toBuffer());
      expect((await readImage(files.path('same.png'))).data).toEqual(data);
    }
  });

  it('says which file cannot be read', async () => {
    await writeFile(files.path('text.png'), 'no image');
    const message = /^\[readImage\] image must be = a readable image file, got .*text\.png: /;
    await expect(readImage(files.path('text.png'))).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringMatching(message),
    });
    await expect(readImage(files.path('none.png'))).rejects.toThrow(/none\.png/);
    const whole = await picture(noise(64, 64), 64, 64).png().toBuffer();
    await expect(readImage(whole.subarray(0, 2000))).rejects.toThrow(/2000 bytes/);
    await expect(readImage(5 as unknown as string)).rejects.toThrow(/got number/);
  });
});

// Pillow 9.4, Image.resize((3, 4), Image.LANCZOS) of the 7x5 noise and ((8, 5), …) of the 3x2 noise.
// biome-ignore format: pixels
const pillowSmaller = [
  117, 197, 148, 138, 186, 90, 138, 67, 50, 103, 114, 65, 106, 116, 74, 150, 92, 89, 122, 145, 183, 107, 114, 157, 170,
  161, 205, 193, 180, 216, 138, 133, 110, 187, 113, 118,
];
// biome-ignore format: pixels
const pillowLarger = [
  220, 255, 245, 176, 251, 244, 101, 183, 244, 28, 117, 226, 46, 130, 176, 145, 214, 119, 234, 255, 82, 255, 255, 57,
  183, 244, 201, 153, 228, 207, 103, 187, 218, 54, 146, 215, 67, 146, 172, 135, 188, 112, 195, 228, 68, 232, 233, 43,
  129, 194, 139, 120, 197, 155, 105, 194, 182, 91, 186, 199, 98, 169, 166, 121, 151, 101, 141, 140, 49, 153, 128, 24,
  75, 143, 76, 87, 165, 102, 107, 201, 146, 128, 226, 182, 128, 191, 160, 106, 114, 89, 87, 51, 29, 74, 22, 4, 38, 107,
  32, 64, 142, 65, 109, 205, 120, 154, 255, 171, 149, 207, 156, 96, 88, 82, 48, 0, 15, 18, 0, 0,
];

describe('fitImage', () => {
  const pixel = (image: { data: Uint8Array; width: number }, x: number, y: number): number[] => [
    ...image.data.subarray((y * image.width + x) * 3).subarray(0, 3),
  ];

  it('leaves an image of the size as it is', () => {
    const image = { data: noise(12, 8), width: 12, height: 8 };
    expect(fitImage(image, 12, 8)).toEqual(image);
  });

  it('enlarges and shrinks by whole ratios without blending', () => {
    const small = { data: noise(16, 12), width: 16, height: 12 };
    const large = fitImage(small, 64, 48);
    for (const [x, y] of [
      [0, 0],
      [63, 47],
      [17, 30],
    ] as const) {
      expect(pixel(large, x, y)).toEqual(pixel(small, x >> 2, y >> 2));
    }
    expect(fitImage(large, 16, 12)).toEqual(small);
    expect(fitImage(fitImage(small, 48, 36), 16, 12)).toEqual(small);
  });

  it('crops around the centre', () => {
    const data = new Uint8Array(10 * 4 * 3);
    for (let at = 0; at < 40; at++) data[at * 3] = at % 10;
    const square = fitImage({ data, width: 10, height: 4 }, 4, 4);
    expect([0, 1, 2, 3].map((x) => pixel(square, x, 2)[0])).toEqual([3, 4, 5, 6]);
    const tall = {
      data: Uint8Array.from({ length: 36 }, (_, at) => Math.floor(at / 6)),
      width: 2,
      height: 6,
    };
    expect([...fitImage(tall, 2, 2).data]).toEqual([2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3]);
  });

  it.each([
    ['smaller', 7, 5, 3, 4, pillowSmaller],
    ['larger', 3, 2, 8, 5, pillowLarger],
  ] as const)('resizes %s as Pillow does', (_, width, height, toWidth, toHeight, expected) => {
    const image = { data: noise(width, height), width, height };
    const { data } = resizeLanczos(image, toWidth, toHeight);
    expect(data.length).toBe(expected.length);
    // Pillow adds in fixed point: a half may round the other way.
    for (const [at, value] of data.entries()) {
      expect(Math.abs(value - expected[at]!)).toBeLessThanOrEqual(1);
    }
  });

  it('keeps a flat colour through Lanczos', () => {
    const image = { data: flat(100, 80, [200, 30, 60]), width: 100, height: 80 };
    expect(fitImage(image, 64, 64).data).toEqual(flat(64, 64, [200, 30, 60]));
    expect(fitImage(image, 133, 107).data).toEqual(flat(133, 107, [200, 30, 60]));
  });

  it('takes a line of pixels, and refuses a size of nothing', () => {
    const line = { data: noise(1000, 1), width: 1000, height: 1 };
    expect(fitImage(line, 64, 64).data.length).toBe(64 * 64 * 3);
    expect(() => fitImage(line, 0, 64)).toThrow('[fitImage] width must be = ');
  });
});
