import { TubeletError } from '../errors.js';
import { fitImage, type ImageSource, readImage } from '../media/index.js';
import { fromBytes, type RgbValues } from './video.js';

/**
 * A first frame as an autoencoder takes it: cropped to the aspect and scaled to the size, but values must have the size.
 *
 * @returns [height, width, 3] in [-1, 1]
 */
export async function firstFramePixels(
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
