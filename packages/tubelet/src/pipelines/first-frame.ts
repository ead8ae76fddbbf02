import { TubeletError } from '../errors.js';
import { fitImage, type ImageSource, type RgbImage, readImage } from '../media/index.js';
import type { CheckedRequest, GenerateRequest } from './request.js';
import { fromBytes, type RgbValues } from './video.js';

/**
 * The request's image, encoded; undefined where there is none.
 *
 * @param encode given pixels [height, width, 3] in [-1, 1]
 */
export async function encodeFirstFrame(
  { image, onProgress }: GenerateRequest,
  { width, height }: CheckedRequest,
  encode: (pixels: Float32Array, height: number, width: number) => Promise<Float32Array>,
): Promise<Float32Array | undefined> {
  if (image === undefined) return undefined;
  onProgress?.({ stage: 'image', done: 0, total: 1 });
  const pixels = pixelsOf(await readPicture(image), { width, height });
  const encoded = await encode(pixels, height, width);
  onProgress?.({ stage: 'image', done: 1, total: 1 });
  return encoded;
}

/** A request's picture once it is read: values as they came, or 8 bits. */
export type Picture = RgbImage | RgbValues;

export function readPicture(image: ImageSource | RgbValues): Promise<Picture> {
  return isValues(image) ? Promise.resolve(image) : readImage(image);
}

/**
 * A picture as an autoencoder takes it: cropped to the aspect and scaled to the size, but values must have the size.
 *
 * @param name of the request's option
 * @returns [height, width, 3] in [-1, 1]
 */
export function pixelsOf(
  picture: Picture,
  { width, height }: { readonly width: number; readonly height: number },
  name = 'image',
): Float32Array {
  if (!isValues(picture)) return fromBytes(fitImage(picture, width, height).data);
  const { data } = picture;
  const isRight =
    picture.width === width && picture.height === height && data.length === width * height * 3;
  if (!isRight || !data.every((value) => value >= 0 && value <= 1)) {
    const expected = `${width}x${height}x3 values in [0, 1]`;
    const got = isRight ? 'others' : `${picture.width}x${picture.height}, ${data.length} values`;
    throw new TubeletError('BAD_INPUT', 'generate', `${name} must be = ${expected}, got ${got}`);
  }
  return data.map((value) => 2 * value - 1);
}

/** A picture as an image encoder takes it: whole, in 8 bits. */
export function bytesOf(picture: Picture): RgbImage {
  if (!isValues(picture)) return picture;
  const { data, width, height } = picture;
  return { data: Uint8Array.from(data, (value) => Math.round(255 * value)), width, height };
}

function isValues(image: ImageSource | RgbValues): image is RgbValues {
  if (typeof image !== 'object' || image === null || !('data' in image)) return false;
  return image.data instanceof Float32Array;
}
