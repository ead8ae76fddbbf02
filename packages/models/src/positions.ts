/** How a grid of positions is measured. */
export interface SinCosOptions {
  /** Rows of the grid the model was trained on: positions of any other grid are spread over that many. Default: as they are. */
  readonly baseSize?: number;
  /** Positions are divided by it. Default 1. */
  readonly interpolationScale?: number;
}

/**
 * The fixed position table of DiT and of diffusers' PatchEmbed: sines, then cosines, of the column in the first half of the
 * width and of the row in the second, frequencies 10000^(-4i/dim). Positions are float32 there, angles double
 * (facebookresearch/DiT@ed81ce2 models.py, get_2d_sincos_pos_embed; diffusers 0.42.1 embeddings.py).
 *
 * @param dim a multiple of 4
 * @returns [height·width, dim]
 */
export function sinCosPositions(
  dim: number,
  height: number,
  width: number,
  { baseSize, interpolationScale = 1 }: SinCosOptions = {},
): Float64Array {
  const f = Math.fround;
  const along = (size: number) => (i: number) =>
    f(f(i / f(baseSize === undefined ? 1 : size / baseSize)) / f(interpolationScale));
  const [y, x] = [along(height), along(width)];
  const quarter = dim / 4;
  const out = new Float64Array(height * width * dim);
  for (let token = 0; token < height * width; token++) {
    const places = [x(token % width), y(Math.floor(token / width))];
    places.forEach((place, half) => {
      for (let i = 0; i < quarter; i++) {
        const angle = place / 10_000 ** (i / quarter);
        const at = token * dim + half * 2 * quarter + i;
        out[at] = Math.sin(angle);
        out[at + quarter] = Math.cos(angle);
      }
    });
  }
  return out;
}

/**
 * The table for positions 0 to `count` - 1 along one axis: sines, then cosines, frequencies 10000^(-2i/dim), in double
 * (diffusers 0.42.1 embeddings.py, get_1d_sincos_pos_embed_from_grid).
 *
 * @param dim an even number
 * @param scale positions are divided by it, in float32
 * @returns [count, dim]
 */
export function sinCosLine(dim: number, count: number, scale = 1): Float64Array {
  const half = dim / 2;
  return Float64Array.from({ length: count * dim }, (_, at) => {
    const column = at % dim;
    const place = Math.fround(Math.floor(at / dim) / Math.fround(scale));
    const angle = place / 10_000 ** ((column % half) / half);
    return column < half ? Math.sin(angle) : Math.cos(angle);
  });
}

/**
 * Numbers from `start` to `end`, both included, as torch.linspace gives them in float32: counted from the nearer end, each rounded
 * once.
 */
export function evenSteps(start: number, end: number, count: number): Float32Array {
  const step = count > 1 ? Math.fround((end - start) / (count - 1)) : 0;
  const half = Math.max(Math.floor(count / 2), 1);
  return Float32Array.from({ length: count }, (_, i) =>
    i < half ? start + step * i : end - step * (count - 1 - i),
  );
}
