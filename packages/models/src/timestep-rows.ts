import { TubeletError } from '@tubelet/graph';
import { startsOf } from './packing.js';

/** The timesteps of a clip, of which it may have several at once: clean frames at 0 among noisy ones. */
export interface ClipTimesteps {
  /** How many timesteps it has at once; 1 by default. */
  readonly rows?: number;
  /** Which of its rows each token frame has, or each token in the order t, h, w; 0 by default. */
  readonly rowOf?: readonly number[] | Int32Array;
}

/** One timestep per token as distinct rows, in order of appearance, and each token's row. */
export function timestepRows(timesteps: ArrayLike<number>): {
  rows: Float32Array;
  rowOf: Int32Array;
} {
  const rows = new Map<number, number>();
  const rowOf = Int32Array.from(timesteps, (t) => {
    const timestep = Math.fround(t);
    if (!rows.has(timestep)) rows.set(timestep, rows.size);
    return rows.get(timestep)!;
  });
  return { rows: Float32Array.from(rows.keys()), rowOf };
}

/**
 * Each token's row among those of its clip.
 *
 * @param model names the model in errors
 * @throws BAD_INPUT where there is not one row for each frame or token, or no such row
 */
function rowOfTokens(
  model: string,
  { rows = 1, rowOf = [0] }: ClipTimesteps,
  frames: number,
  tokens: number,
): Int32Array {
  const fail = (what: string, expected: string, got: number) =>
    new TubeletError('BAD_INPUT', model, `${what} must be = ${expected}, got ${got}`);
  const each = rowOf.length === tokens ? 1 : rowOf.length === frames ? tokens / frames : tokens;
  if (rowOf.length * each !== tokens)
    throw fail('rowOf', `one per frame (${frames}) or per token (${tokens})`, rowOf.length);
  return Int32Array.from({ length: tokens }, (_, token) => {
    const at = Math.floor(token / each);
    const row = rowOf[at];
    if (Number.isInteger(row) && row >= 0 && row < rows) return row;
    throw fail(`rowOf[${at}]`, `below rows ${rows}`, row);
  });
}

/** The rows of clips laid one after another, and each token's among them. */
export function packRows(
  model: string,
  clips: readonly ClipTimesteps[],
  frames: readonly number[],
  tokens: readonly number[],
): { readonly rows: number; readonly row: Int32Array } {
  const firsts = startsOf(clips.map(({ rows = 1 }) => rows));
  const starts = startsOf(tokens);
  const row = new Int32Array(starts[clips.length]);
  clips.forEach((clip, i) => {
    const own = rowOfTokens(model, clip, frames[i], tokens[i]);
    row.set(
      own.map((r) => r + firsts[i]),
      starts[i],
    );
  });
  return { rows: firsts[clips.length], row };
}
