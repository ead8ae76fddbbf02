import type { GraphBuilder, Tensor } from '@tubelet/graph';

/** Index constants of one graph by their name, each made once. */
export function sharedIndices(g: GraphBuilder): (name: string, make: () => Int32Array) => Tensor {
  const known = new Map<string, Tensor>();
  return (name, make) => {
    const tensor = known.get(name) ?? g.constant(name, make());
    known.set(name, tensor);
    return tensor;
  };
}

/**
 * Where the places of an axis come from when its first and last are repeated.
 *
 * @param source of a place before that; itself by default
 */
export function padded(
  size: number,
  before: number,
  after: number,
  source: (at: number) => number = (at) => at,
): number[] {
  return Array.from({ length: before + size + after }, (_, i) =>
    source(Math.min(Math.max(i - before, 0), size - 1)),
  );
}

/** Rows of a clip [F, height, width] that lie at these frames, rows and columns. */
export function placesOf(
  frames: readonly number[],
  rows: readonly number[],
  columns: readonly number[],
  height: number,
  width: number,
): Int32Array {
  const places = new Int32Array(frames.length * rows.length * columns.length);
  let at = 0;
  for (const frame of frames) {
    for (const row of rows) {
      const first = (frame * height + row) * width;
      for (const column of columns) places[at++] = first + column;
    }
  }
  return places;
}
