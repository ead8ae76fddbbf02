import type { TextEncoderConfig } from './config.js';

/**
 * The bucket of every relative position of a text of `length` tokens: entry (key - query) + length - 1. Half of the
 * buckets are for keys after the query; small distances are exact, larger ones logarithmic, taken in float32 as
 * transformers 5.23.0 does (T5, Raffel et al. 2019).
 *
 * @returns i32 [2·length - 1]
 */
export function relativeBuckets(config: TextEncoderConfig, length: number): Int32Array {
  const side = Math.floor(config.buckets / 2);
  const exact = Math.floor(side / 2);
  const f = Math.fround;
  const range = f(Math.log(config.maxDistance / exact));
  return Int32Array.from({ length: 2 * length - 1 }, (_, i) => {
    const position = i - (length - 1);
    const distance = Math.abs(position);
    const start = position > 0 ? side : 0;
    if (distance < exact) return start + distance;
    const portion = f(f(Math.log(f(distance / exact))) / range);
    return start + Math.min(exact + Math.trunc(f(portion * (side - exact))), side - 1);
  });
}
