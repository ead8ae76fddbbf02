import type { MochiConfig } from './config.js';

const f = Math.fround;

/** Side of the square, in tokens, whose area every picture is spread over. */
const baseSide = 192;

/** torch.linspace(-half, half, count + 1) in float32, and of each step its middle. */
function centers(half: number, count: number): number[] {
  const [start, end] = [f(-half), f(half)];
  const step = f(f(end - start) / count);
  const edge = (i: number) =>
    i < (count + 1) / 2 ? f(start + f(step * i)) : f(end - f(step * (count - i)));
  return Array.from({ length: count }, (_, i) => f(f(edge(i) + edge(i + 1)) / 2));
}

/**
 * Cosines and sines of clips' positions by the checkpoint's learned frequencies, MochiRoPE (diffusers 0.42.1): an angle is
 * frame · first + row · second + column · third, in float32; rows and columns run from the picture's middle.
 *
 * @param grids frames, rows and columns in tokens
 * @param frequencies `pos_frequencies` [3, heads, headDim / 2]
 * @returns each [tokens, hiddenSize / 2]
 */
export function mochiRotary(
  { hiddenSize }: MochiConfig,
  grids: readonly (readonly [frames: number, rows: number, columns: number])[],
  frequencies: ArrayLike<number>,
): { readonly cos: Float32Array; readonly sin: Float32Array } {
  const pairs = hiddenSize / 2;
  const tokens = grids.reduce((sum, [frames, rows, columns]) => sum + frames * rows * columns, 0);
  const [cos, sin] = [new Float32Array(tokens * pairs), new Float32Array(tokens * pairs)];
  let at = 0;
  for (const [frames, rows, columns] of grids) {
    const scale = Math.sqrt(baseSide ** 2 / (rows * columns));
    const [y, x] = [centers((rows * scale) / 2, rows), centers((columns * scale) / 2, columns)];
    for (let i = 0; i < frames * rows * columns; i++) {
      const t = Math.floor(i / (rows * columns));
      const [h, w] = [y[Math.floor(i / columns) % rows], x[i % columns]];
      for (let pair = 0; pair < pairs; pair++) {
        const angle = f(
          t * frequencies[pair] + h * frequencies[pairs + pair] + w * frequencies[2 * pairs + pair],
        );
        cos[at] = Math.cos(angle);
        sin[at] = Math.sin(angle);
        at++;
      }
    }
  }
  return { cos, sin };
}
