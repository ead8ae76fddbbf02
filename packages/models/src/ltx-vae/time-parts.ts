import { TubeletError } from '@tubelet/graph';
import type { LtxVaeConfig } from './config.js';

/** Frames of a part and from one part to the next, in pixels' frames. */
export interface LtxTimePart {
  readonly minFrames: number;
  readonly strideFrames: number;
}

/** How a long clip is cut in time and put together again. */
export interface LtxTimePlan {
  /** In order; each is a clip of its own. */
  readonly parts: readonly { readonly start: number; readonly frames: number }[];
  /** Which frame of every part's result but the first one's is left out. */
  readonly drop: 'first' | 'last';
  /** Frames over which a part passes into the next; in frames of the result, as all below. */
  readonly blend: number;
  /** What each part contributes; the first has one more. */
  readonly stride: number;
  readonly frames: number;
}

const defaultPart: LtxTimePart = { minFrames: 16, strideFrames: 8 };

/**
 * Parts in time as diffusers' `use_framewise_decoding` cuts them, where a clip has more frames than `minFrames`: the decoder sees
 * both ends of a part as ends of a clip, so that the result is not that of the whole clip, and needs little memory.
 *
 * @param frames of the pictures when encoding, of the latents when decoding
 * @throws BAD_INPUT where a part is shorter than one latent frame
 */
export function planLtxTime(
  { time }: LtxVaeConfig,
  frames: number,
  direction: 'encode' | 'decode',
  { minFrames, strideFrames }: LtxTimePart = defaultPart,
): LtxTimePlan {
  const inLatents = (count: number) => Math.floor(count / time);
  const [min, stride] = [inLatents(minFrames), inLatents(strideFrames)];
  if (!(stride >= 1 && min >= stride)) {
    const got = `${minFrames} and ${strideFrames}`;
    const expected = `at least ${time}, the stride not longer`;
    throw new TubeletError(
      'BAD_INPUT',
      'vae',
      `frames of a part must be = ${expected}, got ${got}`,
    );
  }
  const [most, step] = direction === 'encode' ? [minFrames, strideFrames] : [min, stride];
  const parts = Array.from({ length: Math.ceil(frames / step) }, (_, i) => {
    const start = i * step;
    return { start, frames: Math.min(most + 1, frames - start) };
  });
  return direction === 'encode'
    ? { parts, drop: 'first', blend: min - stride, stride, frames: inLatents(frames - 1) + 1 }
    : {
        parts,
        drop: 'last',
        blend: minFrames - strideFrames,
        stride: strideFrames,
        frames: (frames - 1) * time + 1,
      };
}

/**
 * Puts the results of a plan's parts together: each passes linearly from the one before as that already is. **Changes the results'
 * data.**
 *
 * @param results of each part, [F, …]
 * @param frameSize elements of a frame
 * @returns [plan.frames, …]
 */
export function blendTimeParts(
  plan: LtxTimePlan,
  results: readonly Float32Array[],
  frameSize: number,
): Float32Array {
  const out = new Float32Array(plan.frames * frameSize);
  let before: Float32Array | undefined;
  let at = 0;
  for (const result of results) {
    const [from, less] = plan.drop === 'first' ? [frameSize, 0] : [0, frameSize];
    const part = before ? result.subarray(from, result.length - less) : result;
    if (before) passOver(before, part, plan.blend, frameSize);
    const kept = part.subarray(0, (plan.stride + (before ? 0 : 1)) * frameSize);
    const fits = kept.subarray(0, out.length - at);
    out.set(fits, at);
    at += fits.length;
    before = part;
  }
  return out;
}

/** The first frames of `part` pass from the last ones of `before`. */
function passOver(before: Float32Array, part: Float32Array, most: number, frameSize: number): void {
  const extent = Math.min(before.length / frameSize, part.length / frameSize, most);
  const first = before.length - extent * frameSize;
  for (let i = 0; i < extent * frameSize; i++) {
    const weight = Math.floor(i / frameSize) / extent;
    part[i] = before[first + i] * (1 - weight) + part[i] * weight;
  }
}
