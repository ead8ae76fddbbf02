import type { Refuse } from './bad-input.js';

/** Where parts of these sizes begin when they stand one after another, and last where all end. */
export function startsOf(sizes: readonly number[]): number[] {
  const starts = [0];
  for (const size of sizes) starts.push(starts[starts.length - 1] + size);
  return starts;
}

/** Attention of each part of `queries` to the same part of `keys`: [parts, 4]. */
export function segmentTable(queries: readonly number[], keys: readonly number[]): Int32Array {
  const rows = queries.slice(1).map((end, i) => [queries[i], end, keys[i], keys[i + 1]]);
  return Int32Array.from(rows.flat());
}

/** The number of the part that each place belongs to. */
export function partOf(sizes: readonly number[]): Int32Array {
  return Int32Array.from(sizes.flatMap((size, part) => Array<number>(size).fill(part)));
}

/** Height and width of an image's latents, or of its pixels. */
export interface ImageSize {
  readonly height: number;
  readonly width: number;
}

/** Latent frames, rows and columns of a clip. */
export interface ClipSize extends ImageSize {
  readonly frames: number;
}

/** Images, or clips of so many frames, of `channels` channels in patches, as patchify and unpatchify read them: [images, 5]. */
export function imageGeometry(
  images: readonly (ImageSize & { readonly frames?: number })[],
  channels: number,
  tokens: readonly number[],
): { readonly geometry: Int32Array; readonly elements: number } {
  const sizes = images.map(({ frames = 1, height, width }) => [frames, height, width]);
  const elements = startsOf(sizes.map((size) => size.reduce((a, b) => a * b, channels)));
  const rows = sizes.map((size, i) => [elements[i], tokens[i], ...size]);
  return { geometry: Int32Array.from(rows.flat()), elements: elements[images.length] };
}

/**
 * Frames, rows and columns of a clip's tokens.
 *
 * @param fail refuses a size that is no multiple of the patch
 */
export function tokenGrid(
  fail: Refuse,
  clip: ClipSize,
  patch: readonly [t: number, h: number, w: number],
): [frames: number, rows: number, columns: number] {
  const along = (axis: keyof ClipSize, size: number) => {
    const tokens = clip[axis] / size;
    const good = Number.isInteger(tokens) && tokens >= 1;
    return good ? tokens : fail(`latent ${axis}`, `a multiple of ${size}`, clip[axis]);
  };
  const [t, h, w] = patch;
  return [along('frames', t), along('height', h), along('width', w)];
}

/** Refuses a text without tokens. */
export function requireText(fail: Refuse, { textTokens }: { readonly textTokens: number }): void {
  if (!(Number.isInteger(textTokens) && textTokens >= 1))
    fail('text tokens', 'at least one', textTokens);
}
