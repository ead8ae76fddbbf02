import { TubeletError } from '@tubelet/graph';

/**
 * Uniform frame sampling (Arnab et al. 2021, section 3.2; google-research/scenic@4a38d47, sample_frames_uniformly): the frames at
 * 1/(n+1), 2/(n+1), … of a clip, halves to even; all of a clip that has no more than n.
 *
 * @param total frames of the clip
 * @param count frames to take
 * @returns their numbers
 */
export function sampledFrames(total: number, count: number): number[] {
  for (const [what, value] of Object.entries({ total, count })) {
    if (Number.isInteger(value) && value >= 1) continue;
    const message = `${what} must be = a whole number from 1, got ${value}`;
    throw new TubeletError('BAD_INPUT', 'vivit', message);
  }
  if (count >= total) return Array.from({ length: total }, (_, i) => i);
  const step = total / (count + 1);
  return Array.from({ length: count }, (_, i) =>
    Math.min(roundHalfEven(Math.fround((i + 1) * step)), total - 1),
  );
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
