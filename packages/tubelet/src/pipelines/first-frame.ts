import { TubeletError } from '../errors.js';
import { fitImage, type ImageSource, readImage } from '../media/index.js';
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
  const encoded = await encode(await firstFramePixels(image, width, height), height, width);
  onProgress?.({ stage: 'image', done: 1, total: 1 });
  return encoded;
}

/**
 * A first frame as an autoencoder takes it: cropped to the aspect and scaled to the size, but values must have the size.
 *
 * @returns [height, width, 3] in [-1, 1]
 */
async function firstFramePixels(
  image: ImageSource | RgbValues,
  width: number,
  height: number,
): Promise<Float32Array> {
  if (typeof image !== 'object' || !('data' in image) || !(image.data instanceof Float32Array))
    return fromBytes(fitImage(await readImage(image as ImageSource), width, height).data);
  const { data } = image;
  const isRight =
    image.width === width && image.height === height && data.length === width * height * 3;
  if (!isRight || !data.every((value) => value >= 0 && value <= 1)) {
    const expected = `${width}x${height}x3 values in [0, 1]`;
    const got = isRight ? 'others' : `${image.width}x${image.height}, ${data.length} values`;
    throw new TubeletError('BAD_INPUT', 'generate', `image must be = ${expected}, got ${got}`);
  }
  return data.map((value) => 2 * value - 1);
}
