import { readFile } from 'node:fs/promises';
import { TubeletError } from '../errors.js';
import { check } from './check.js';
import { resizeLanczos } from './resample.js';
import { checkRgb, checkSize, type RgbImage } from './rgb-image.js';

/** A path, the bytes of an image file, or RGB pixels. */
export type ImageSource = string | Uint8Array | RgbImage;

/**
 * Reads any image that sharp reads (PNG, JPEG, WebP, AVIF, GIF, TIFF, SVG): turned upright by its EXIF orientation, in
 * sRGB, transparent parts on white, the first frame of an animation.
 *
 * @returns RGB, 8 bits
 * @throws TubeletError BAD_INPUT when it cannot be read
 */
export async function readImage(source: ImageSource): Promise<RgbImage> {
  const expected = 'a path, bytes or RGB pixels';
  check(source != null, 'readImage', 'image', expected, source);
  if (typeof source === 'object' && 'data' in source) {
    const { data, width, height } = source;
    checkSize('readImage', width, height);
    checkRgb('readImage', data, width, height);
    return { data, width, height };
  }
  const isFile = typeof source === 'string' || source instanceof Uint8Array;
  check(isFile, 'readImage', 'image', expected, typeof source);
  const { default: sharp } = await import('sharp');
  try {
    // By its path, sharp may return an earlier file of that name from its cache.
    const file = typeof source === 'string' ? await readFile(source) : source;
    const { data, info } = await sharp(file)
      .autoOrient()
      .flatten({ background: 'white' })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return { data: new Uint8Array(data), width: info.width, height: info.height };
  } catch (cause) {
    const name = typeof source === 'string' ? source : `${source.length} bytes`;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `image must be = a readable image file, got ${name}: ${reason}`;
    throw new TubeletError('BAD_INPUT', 'readImage', message, { cause });
  }
}

/**
 * Fits an image to a size: cropped around its centre to the aspect, then nearest where both sides shrink or grow by whole
 * ratios (pixel art stays pixel art), else Lanczos.
 *
 * @param width - of the result, in pixels
 * @param height - of the result, in pixels
 */
export function fitImage(image: RgbImage, width: number, height: number): RgbImage {
  checkSize('fitImage', image.width, image.height);
  checkRgb('fitImage', image.data, image.width, image.height);
  checkSize('fitImage', width, height);
  const cropped = cropToAspect(image, width / height);
  return isWholeRatio(cropped.width, width) && isWholeRatio(cropped.height, height)
    ? resizeNearest(cropped, width, height)
    : resizeLanczos(cropped, width, height);
}

function isWholeRatio(from: number, to: number): boolean {
  return from % to === 0 || to % from === 0;
}

function cropToAspect(image: RgbImage, aspect: number): RgbImage {
  const width = Math.max(1, Math.min(image.width, Math.round(image.height * aspect)));
  const height = Math.max(1, Math.min(image.height, Math.round(image.width / aspect)));
  const left = Math.floor((image.width - width) / 2);
  const top = Math.floor((image.height - height) / 2);
  return pick(
    image,
    width,
    height,
    (x) => left + x,
    (y) => top + y,
  );
}

function resizeNearest(image: RgbImage, width: number, height: number): RgbImage {
  return pick(
    image,
    width,
    height,
    (x) => Math.floor(((x + 0.5) * image.width) / width),
    (y) => Math.floor(((y + 0.5) * image.height) / height),
  );
}

function pick(
  image: RgbImage,
  width: number,
  height: number,
  column: (x: number) => number,
  row: (y: number) => number,
): RgbImage {
  const data = new Uint8Array(width * height * 3);
  let to = 0;
  for (let y = 0; y < height; y++) {
    const start = row(y) * image.width;
    for (let x = 0; x < width; x++) {
      const from = (start + column(x)) * 3;
      data[to++] = image.data[from]!;
      data[to++] = image.data[from + 1]!;
      data[to++] = image.data[from + 2]!;
    }
  }
  return { data, width, height };
}
