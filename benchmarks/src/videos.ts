import type { Video } from 'tubelet';

/** Prompts and seeds of the videos that are compared. */
export const requests = [
  ['a woman in a red T-shirt and blue jeans walks to the left on a beach at sunset', 1],
  ['a man in a green shirt walks to the right in the rain', 2],
  ['a dog runs on the grass in the snow at night', 3],
] as const;

/** Means over all bytes of all frames. */
export function differenceOf(
  a: Video,
  b: Video,
): { readonly absolute: number; readonly square: number } {
  let absolute = 0;
  let square = 0;
  let count = 0;
  for (const [i, frame] of a.frames.entries()) {
    for (const [k, value] of frame.entries()) {
      const difference = value - b.frames[i][k];
      absolute += Math.abs(difference);
      square += difference ** 2;
    }
    count += frame.length;
  }
  return { absolute: absolute / count, square: square / count };
}
