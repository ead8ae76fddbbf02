import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';

/** A picture of one colour. */
export function flat(width: number, height: number, colour: readonly number[]): Uint8Array {
  return Uint8Array.from({ length: width * height * 3 }, (_, at) => colour[at % 3]!);
}

/** A picture of seeded noise (Lehmer's generator, multiplier 16807). */
export function noise(width: number, height: number, seed = 1): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length: width * height * 3 }, () => {
    state = (state * 16807) % 2147483647;
    return state % 256;
  });
}

/** Pixel art that moves: a red block over a green floor and a blue sky. */
export function walkingBlock(count: number, width: number, height: number): Uint8Array[] {
  return Array.from({ length: count }, (_, frame) => {
    const rgb = new Uint8Array(width * height * 3);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const inBlock = Math.abs(x - 4 - frame) < 4 && Math.abs(y - height / 2) < 4;
        const colour = inBlock ? [220, 40, 50] : y > height / 2 ? [60, 160, 70] : [70, 110, 200];
        rgb.set(colour, (y * width + x) * 3);
      }
    }
    return rgb;
  });
}

/** A folder for one test file, removed after it. */
export function testFolder(): { path: (name: string) => string; folder: () => string } {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tubelet-media-'));
  });
  afterAll(() => rm(folder, { recursive: true }));
  return { path: (name) => join(folder, name), folder: () => folder };
}
