import type { HunyuanConfig } from './config.js';

const f = Math.fround;

/** Cosines and sines of positions 0 to length - 1, each [length, pairs], angles in float32 as in the original. */
function axisTable(pairs: number, theta: number, length: number) {
  const [cos, sin] = [new Float32Array(length * pairs), new Float32Array(length * pairs)];
  for (let i = 0; i < pairs; i++) {
    const frequency = f(1 / f(theta ** f(i / pairs)));
    for (let position = 0; position < length; position++) {
      const angle = f(position * frequency);
      cos[position * pairs + i] = Math.cos(angle);
      sin[position * pairs + i] = Math.sin(angle);
    }
  }
  return { pairs, cos, sin };
}

/**
 * Cosines and sines of clips' frames, rows and columns, HunyuanVideoRotaryPosEmbed (diffusers 0.42.1); text, everywhere
 * else, does not turn.
 *
 * @param grids frames, rows and columns in tokens
 * @param imageIndex where each clip token stands among the joint tokens
 * @returns each [joint, headDim / 2]
 */
export function hunyuanRotary(
  { headDim, ropeAxes, ropeTheta }: HunyuanConfig,
  grids: readonly (readonly [frames: number, rows: number, columns: number])[],
  imageIndex: Int32Array,
  joint: number,
): { readonly cos: Float32Array; readonly sin: Float32Array } {
  const pairs = headDim / 2;
  const cos = new Float32Array(joint * pairs).fill(1);
  const sin = new Float32Array(joint * pairs);
  const axes = ropeAxes.map((size, axis) =>
    axisTable(size / 2, ropeTheta, Math.max(...grids.map((grid) => grid[axis]))),
  );
  let token = 0;
  for (const [frames, rows, columns] of grids) {
    for (let i = 0; i < frames * rows * columns; i++) {
      const place = [Math.floor(i / (rows * columns)), Math.floor(i / columns) % rows, i % columns];
      let at = imageIndex[token++] * pairs;
      axes.forEach((table, axis) => {
        const from = place[axis] * table.pairs;
        cos.set(table.cos.subarray(from, from + table.pairs), at);
        sin.set(table.sin.subarray(from, from + table.pairs), at);
        at += table.pairs;
      });
    }
  }
  return { cos, sin };
}
