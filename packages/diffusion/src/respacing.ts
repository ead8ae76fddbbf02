import { mustBe } from './error.js';

import { range, roundHalfEven } from './spacing.js';

/**
 * The timesteps of training that a shorter process keeps, rising.
 *
 * @param total timesteps of training
 * @param respacing `"250"`: so many, evenly spread with both ends; `"10,15,20"`: so many in each of equal sections;
 *   `"ddim50"`: so many at a whole stride from 0; `""`: all
 *
 * Source: facebookresearch/DiT@ed81ce2 diffusion/respace.py, space_timesteps.
 */
export function respacedTimesteps(total: number, respacing: string): number[] {
  if (respacing === '') return range(0, total);
  if (respacing.startsWith('ddim')) return strided(total, respacing);
  const counts = respacing.split(',').map(Number);
  if (!counts.every((count) => Number.isInteger(count) && count >= 0)) {
    throw mustBe('respacedTimesteps', 'respacing', 'whole numbers, or ddim and one', respacing);
  }
  const size = Math.floor(total / counts.length);
  const extra = total % counts.length;
  return counts.flatMap((count, i) => {
    const start = i * size + Math.min(i, extra);
    return section(start, size + (i < extra ? 1 : 0), count);
  });
}

function strided(total: number, respacing: string): number[] {
  const count = Number(respacing.slice('ddim'.length));
  const stride = range(1, total).find((step) => Math.ceil(total / step) === count);
  if (stride === undefined) {
    throw mustBe('respacedTimesteps', 'respacing', `a whole stride through ${total}`, respacing);
  }
  return range(0, count).map((i) => i * stride);
}

/** `count` timesteps of `size` from `start`, the stride added up step by step. */
function section(start: number, size: number, count: number): number[] {
  if (size < count) {
    throw mustBe('respacedTimesteps', 'timesteps of a section', `at least ${count}`, size);
  }
  const stride = count > 1 ? (size - 1) / (count - 1) : 1;
  let position = 0;
  return range(0, count).map(() => {
    const timestep = start + roundHalfEven(position);
    position += stride;
    return timestep;
  });
}
