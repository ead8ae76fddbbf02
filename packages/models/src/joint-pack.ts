import { segmentTable, startsOf } from './packing.js';

/**
 * The tables of attention of images and their texts together.
 *
 * @param image tokens of each image
 * @param text tokens of each text
 * @param order which of the two comes first in a segment
 */
export function packJoint(
  image: readonly number[],
  text: readonly number[],
  order: 'image-first' | 'text-first',
) {
  const [images, texts] = [startsOf(image), startsOf(text)];
  const joint = startsOf(image.map((tokens, i) => tokens + text[i]));
  const behind = images[image.length];
  const range = (start: number, count: number) =>
    Array.from({ length: count }, (_, i) => start + i);
  const index = image.flatMap((tokens, i) => {
    const [own, added] = [range(images[i], tokens), range(behind + texts[i], text[i])];
    return order === 'image-first' ? [...own, ...added] : [...added, ...own];
  });
  return {
    /** Where each segment begins, and the end. */
    starts: { images, texts, joint },
    jointIndex: Int32Array.from(index),
    imageSegments: segmentTable(images, joint),
    textSegments: segmentTable(texts, joint),
  };
}

/** The place of each image token in the joint order. */
export function imagePlaces(jointIndex: Int32Array, imageTokens: number): Int32Array {
  const places = new Int32Array(imageTokens);
  jointIndex.forEach((from, place) => {
    if (from < imageTokens) places[from] = place;
  });
  return places;
}
