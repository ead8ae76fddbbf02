import type { GraphBuilder, Tensor } from '@tubelet/graph';
import { partOf, segmentTable, startsOf } from '../packing.js';

/** What a run of a U-Net is given: pictures or clips of one size. */
export interface UnetSize {
  /** Of the latents. */
  readonly height: number;
  readonly width: number;
  /** Of each clip; default 1. */
  readonly frames?: number;
  /** Tokens of the text of each picture or clip, without padding. A guided request is two of them, with and without its text. */
  readonly textTokens: readonly number[];
}

/**
 * The places of all pictures of a run at one level, and the index tables over them. They are constants of the graph, made when
 * they are first asked for.
 */
export interface Grid {
  readonly clips: number;
  readonly frames: number;
  readonly height: number;
  readonly width: number;
  /** i32 [places], the clip of each place. */
  row(): Tensor;
  /** i32 [pictures, 4], each picture attending itself. */
  segments(): Tensor;
  /** i32 [clips, 4], each clip attending its text. */
  crossSegments(): Tensor;
  /** i32 [places], for places frame by frame in each clip their numbers in the run, and back. */
  byPlace(): Tensor;
  byFrame(): Tensor;
  /** i32 [clips·height·width, 4], each place attending itself in all frames, after `byPlace`. */
  temporalSegments(): Tensor;
  /** i32 [places], the frame of each place after `byPlace`. */
  frame(): Tensor;
}

export function gridOf(
  g: GraphBuilder,
  { frames = 1, textTokens }: UnetSize,
  height: number,
  width: number,
): Grid {
  const clips = textTokens.length;
  const area = height * width;
  const places = clips * frames * area;
  const constant = (name: string, table: () => Int32Array, columns = 1) => {
    let made: Tensor | undefined;
    return () => {
      const data = made ?? table();
      if (!(data instanceof Int32Array)) return data;
      const shape = columns === 1 ? [data.length] : [data.length / columns, columns];
      made = g.constant(`${name} ${height}x${width}`, data, shape);
      return made;
    };
  };
  const same = (count: number, size: number) => {
    const starts = startsOf(Array<number>(count).fill(size));
    return segmentTable(starts, starts);
  };
  /** Swaps the two inner axes of [clips, outer, inner]. */
  const swapped = (outer: number, inner: number) =>
    Int32Array.from({ length: places }, (_, at) => {
      const clip = Math.floor(at / (outer * inner));
      const within = at % (outer * inner);
      return clip * outer * inner + (within % outer) * inner + Math.floor(within / outer);
    });
  const ofClips = startsOf(Array<number>(clips).fill(frames * area));
  return {
    clips,
    frames,
    height,
    width,
    row: constant('row', () => partOf(Array<number>(clips).fill(frames * area))),
    segments: constant('segments', () => same(clips * frames, area), 4),
    crossSegments: constant('cross_segments', () => segmentTable(ofClips, startsOf(textTokens)), 4),
    byPlace: constant('by_place', () => swapped(frames, area)),
    byFrame: constant('by_frame', () => swapped(area, frames)),
    temporalSegments: constant('temporal_segments', () => same(clips * area, frames), 4),
    frame: constant('frame', () => Int32Array.from({ length: places }, (_, at) => at % frames)),
  };
}

/**
 * For each place of a picture of one size the nearest in one of another, as PyTorch's nearest interpolation: over all pictures
 * i32 [pictures·toHeight·toWidth].
 */
export function nearestPlaces(
  pictures: number,
  [fromHeight, fromWidth]: readonly [number, number],
  [toHeight, toWidth]: readonly [number, number],
): Int32Array {
  const f = Math.fround;
  const along = (from: number, to: number) => (i: number) =>
    Math.min(Math.floor(f(i * f(from / to))), from - 1);
  const [y, x] = [along(fromHeight, toHeight), along(fromWidth, toWidth)];
  return Int32Array.from({ length: pictures * toHeight * toWidth }, (_, at) => {
    const picture = Math.floor(at / (toHeight * toWidth));
    const row = y(Math.floor(at / toWidth) % toHeight);
    return (picture * fromHeight + row) * fromWidth + x(at % toWidth);
  });
}
