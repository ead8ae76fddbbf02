import { type Refuse, refusalBy } from '../bad-input.js';
import { partOf, segmentTable, startsOf } from '../packing.js';
import { inputName, type VivitConfig } from './config.js';

const fail: Refuse = refusalBy('vivit');

/** Position tables of a checkpoint, with a row for the class token first where the model has one. */
export interface VivitTables {
  /** [tokens of a clip, hiddenSize]; in model 2 [tokens of a frame, hiddenSize]. */
  readonly positions: ArrayLike<number>;
  /** [frames, hiddenSize], in model 2. */
  readonly temporalPositions?: ArrayLike<number>;
}

/** Clips laid one after another: everything of {@link vivit}'s inputs but the pixels. */
export interface VivitPacking {
  /** Size of each symbol of the graph. */
  readonly sizes: Readonly<Record<string, number>>;
  readonly inputs: Readonly<Record<string, Int32Array | Float32Array>>;
}

/** Tokens along time, height and width. */
export interface TubeletGrid {
  readonly frames: number;
  readonly rows: number;
  readonly columns: number;
}

/** The tokens of a clip of the config's size. */
export function tubeletGrid({ frames, imageSize, tubeletSize }: VivitConfig): TubeletGrid {
  const [height, width] = imageSize;
  const [t, h, w] = tubeletSize;
  return { frames: frames / t, rows: height / h, columns: width / w };
}

/** Packs `clips` clips of the config's size. */
export function packVivit(config: VivitConfig, clips: number, tables: VivitTables): VivitPacking {
  if (!Number.isInteger(clips) || clips < 1) fail('clips', '1 or more', clips);
  const { channels, frames, imageSize, attention } = config;
  const [height, width] = imageSize;
  const grid = tubeletGrid(config);
  const perFrame = grid.rows * grid.columns;
  const patches = clips * grid.frames * perFrame;
  const perClip = channels * frames * height * width;
  const geometry = Array.from({ length: clips }, (_, clip) => [
    clip * perClip,
    clip * grid.frames * perFrame,
    frames,
    height,
    width,
  ]).flat();
  const sizes = { clips, elements: clips * perClip, patches };
  const whole = { geometry: Int32Array.from(geometry) };
  if (attention !== 'factorized-encoder') {
    const tokens = encoderInputs(config, clips, grid.frames * perFrame, tables.positions, '');
    const axes = attention === 'spacetime' ? undefined : axisInputs(grid, clips);
    const { segments, ...rest } = tokens.inputs;
    return {
      sizes: { ...sizes, tokens: tokens.count, ...axes?.sizes },
      inputs: { ...whole, ...rest, ...(axes ? axes.inputs : { segments }) },
    };
  }
  const frameCount = clips * grid.frames;
  const spatial = encoderInputs(config, frameCount, perFrame, tables.positions, 'frame');
  const temporal = encoderInputs(config, clips, grid.frames, tables.temporalPositions ?? [], '');
  return {
    sizes: { ...sizes, frames: frameCount, frameTokens: spatial.count, tokens: temporal.count },
    inputs: { ...whole, ...spatial.inputs, ...temporal.inputs },
  };
}

/** The inputs of an encoder over `parts` parts of `length` tokens each, their class tokens apart. */
function encoderInputs(
  { hiddenSize: D, summary }: VivitConfig,
  parts: number,
  length: number,
  table: ArrayLike<number>,
  prefix: string,
) {
  const before = summary === 'class' ? 1 : 0;
  const together = before + length;
  if (table.length !== together * D)
    fail(inputName(prefix, 'positions'), `${together} rows of ${D}`, table.length / D);
  const lengths = Array<number>(parts).fill(together);
  const starts = startsOf(lengths);
  const count = parts * together;
  const positions = new Float32Array(count * D);
  for (let part = 0; part < parts; part++) positions.set(table, starts[part] * D);
  // The class token is the row behind all others.
  const tokenIndex = partOf(lengths).map((part, t) => {
    const place = t - starts[part] - before;
    return place < 0 ? parts * length : part * length + place;
  });
  const firsts = Int32Array.from(starts.slice(0, parts));
  const named = {
    positions,
    tokenIndex,
    segments: segmentTable(starts, starts),
    summaryIndex: firsts,
    ...(summary === 'mean' && {
      summarySegments: Int32Array.from(
        [...firsts].flatMap((start, i) => [i, i + 1, start, start + together]),
      ),
    }),
  };
  const inputs: Record<string, Int32Array | Float32Array> = Object.fromEntries(
    Object.entries(named).map(([name, data]) => [inputName(prefix, name), data]),
  );
  return { count, inputs };
}

function axisInputs({ frames, rows, columns }: TubeletGrid, clips: number) {
  const perFrame = rows * columns;
  const tokens = clips * frames * perFrame;
  const segments = (count: number, length: number) => {
    const starts = startsOf(Array<number>(count).fill(length));
    return segmentTable(starts, starts);
  };
  const clipOf = (t: number) => Math.floor(t / (frames * perFrame));
  const inClip = (t: number) => t % (frames * perFrame);
  const each = (of: (t: number) => number) => Int32Array.from({ length: tokens }, (_, t) => of(t));
  return {
    sizes: { frames: clips * frames, places: clips * perFrame },
    inputs: {
      frameSegments: segments(clips * frames, perFrame),
      placeSegments: segments(clips * perFrame, frames),
      toPlaces: each((t) => {
        const [place, frame] = [Math.floor(inClip(t) / frames), inClip(t) % frames];
        return (clipOf(t) * frames + frame) * perFrame + place;
      }),
      toFrames: each((t) => {
        const [frame, place] = [Math.floor(inClip(t) / perFrame), inClip(t) % perFrame];
        return (clipOf(t) * perFrame + place) * frames + frame;
      }),
    },
  };
}
