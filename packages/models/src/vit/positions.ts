import type { VitConfig } from './config.js';

/** A grid of patches. */
export interface PatchGrid {
  readonly rows: number;
  readonly columns: number;
}

/** The grid of an image of the trained size. */
export function trainedGrid({ imageSize: [height, width], patchSize }: VitConfig): PatchGrid {
  return { rows: height / patchSize, columns: width / patchSize };
}

/**
 * The position table for a grid: the trained one as it is, or for another grid its patches resized by PyTorch's bicubic
 * interpolation (a = -0.75, align_corners false, no antialias); the class token's row stays (transformers 5.23.0,
 * ViTEmbeddings.interpolate_pos_encoding).
 *
 * @param table [1 + trained patches, hiddenSize], the checkpoint's `position_embeddings`
 * @returns [1 + rows·columns, hiddenSize]
 */
export function vitPositions(
  config: VitConfig,
  table: ArrayLike<number>,
  grid: PatchGrid,
): Float64Array {
  const D = config.hiddenSize;
  const trained = trainedGrid(config);
  if (grid.rows === trained.rows && grid.columns === trained.columns)
    return Float64Array.from(table);
  const down = taps(trained.rows, grid.rows);
  const across = taps(trained.columns, grid.columns);
  const out = new Float64Array((1 + grid.rows * grid.columns) * D);
  for (let d = 0; d < D; d++) out[d] = table[d];
  down.forEach((vertical, row) => {
    across.forEach((horizontal, column) => {
      const at = (1 + row * grid.columns + column) * D;
      for (const [y, a] of vertical) {
        for (const [x, b] of horizontal) {
          const from = (1 + y * trained.columns + x) * D;
          for (let d = 0; d < D; d++) out[at + d] += a * b * table[from + d];
        }
      }
    });
  });
  return out;
}

/** For every place of the new size four places of the old one, limited to its edges, with their weights. */
function taps(from: number, to: number): (readonly [place: number, weight: number])[][] {
  return Array.from({ length: to }, (_, i) => {
    const source = ((i + 0.5) * from) / to - 0.5;
    const first = Math.floor(source);
    return [-1, 0, 1, 2].map((step) => {
      const place = Math.min(from - 1, Math.max(0, first + step));
      return [place, cubic(Math.abs(source - first - step))] as const;
    });
  });
}

/** Keys' kernel with a = -0.75. */
function cubic(x: number): number {
  const a = -0.75;
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
}
