import { evenSteps } from '../positions.js';
import type { LtxConfig } from './config.js';

const theta = 10_000;
/** Frames, rows and columns that are one unit of position. */
const base = [20, 2048, 2048] as const;
const f = Math.fround;

/** Where tokens are in time and space, [3, tokens]: frames or seconds·scale, rows and columns of pixels. */
export type LtxCoordinates = Float32Array;

/**
 * Where a grid's tokens are: positions of the grid times what a step of each axis comes to.
 *
 * @param grid frames, rows and columns in tokens
 * @param scale what one latent comes to: frames of 25 a second, then rows and columns of pixels
 */
export function gridCoordinates(
  grid: readonly number[],
  scale: readonly number[],
  { patchSize, patchSizeT }: LtxConfig,
): LtxCoordinates {
  const [frames, rows, columns] = grid as [number, number, number];
  const tokens = frames * rows * columns;
  const patch = [patchSizeT, patchSize, patchSize];
  const out = new Float32Array(3 * tokens);
  for (let token = 0; token < tokens; token++) {
    const at = [Math.floor(token / (rows * columns)), Math.floor(token / columns) % rows];
    [...at, token % columns].forEach((place, axis) => {
      out[axis * tokens + token] = f(f(place * f(scale[axis])) * patch[axis]);
    });
  }
  return out;
}

/**
 * Cosines and sines by which the whole width turns: a third of its pairs by each axis, ordered by frequency and then t, h, w;
 * pairs that are left over come first and do not turn. All in float32, as in diffusers 0.42.1 (LTXVideoRotaryPosEmbed): the
 * largest angles are 15708, where a step of float32 is a thousandth.
 *
 * @returns each [tokens, hiddenSize / 2]
 */
export function rotaryPositions({ hiddenSize }: LtxConfig, coordinates: LtxCoordinates) {
  const count = Math.floor(hiddenSize / 6);
  const frequencies = evenSteps(0, 1, count).map((x) => f(f(f(theta ** x) * f(Math.PI)) / 2));
  const tokens = coordinates.length / 3;
  const pairs = hiddenSize / 2;
  const cos = new Float32Array(tokens * pairs).fill(1);
  const sin = new Float32Array(tokens * pairs);
  const known = new Map<number, { cos: Float32Array; sin: Float32Array }>();
  const turnsOf = (place: number) => {
    const seen = known.get(place);
    if (seen) return seen;
    const angles = frequencies.map((frequency) => f(frequency * f(f(place * 2) - 1)));
    const turns = { cos: angles.map(Math.cos), sin: angles.map(Math.sin) };
    known.set(place, turns);
    return turns;
  };
  for (let token = 0; token < tokens; token++) {
    const first = token * pairs + (pairs - 3 * count);
    base.forEach((size, axis) => {
      const turns = turnsOf(f(coordinates[axis * tokens + token] / size));
      for (let i = 0; i < count; i++) {
        cos[first + 3 * i + axis] = turns.cos[i];
        sin[first + 3 * i + axis] = turns.sin[i];
      }
    });
  }
  return { cos, sin };
}
