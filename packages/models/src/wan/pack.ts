import { type Refuse, refusalBy } from '../bad-input.js';
import { type ClipSize, imageGeometry, requireText, segmentTable, startsOf } from '../packing.js';
import { type ClipTimesteps, packRows } from '../timestep-rows.js';
import type { WanConfig } from './config.js';
import { rotaryTables, wanGrid } from './rotary.js';

const fail: Refuse = refusalBy('wan');

/** One clip of a run; a guided request is two of them, with and without its text. */
export interface WanClip extends ClipSize, ClipTimesteps {
  /** Tokens of its text, padding included: there is no text mask. */
  readonly textTokens: number;
  /** Tokens of its image; only for models that take one, and needed there. */
  readonly imageTokens?: number;
}

/** Clips laid one after another. */
export interface WanPacking {
  /** Size of each symbol of the graph. */
  readonly sizes: {
    readonly segments: number;
    readonly elements: number;
    readonly outputElements: number;
    readonly tokens: number;
    readonly rows: number;
    readonly textTokens: number;
    readonly imageTokens?: number;
  };
  /** All inputs of the graph that depend on sizes only. */
  readonly inputs: {
    /** [segments, 5]: first element, first token, frames, height, width */
    readonly geometry: Int32Array;
    readonly outputGeometry: Int32Array;
    /** [tokens] */
    readonly row: Int32Array;
    /** [tokens, headDim / 2] */
    readonly cos: Float32Array;
    readonly sin: Float32Array;
    /** [segments, 4] */
    readonly selfSegments: Int32Array;
    readonly crossSegments: Int32Array;
    readonly imageSegments?: Int32Array;
    /** [imageTokens] */
    readonly imagePosition?: Int32Array;
  };
}

/** Packs clips of any sizes into one run of {@link wanTransformer}. */
export function packWan(config: WanConfig, clips: readonly WanClip[]): WanPacking {
  if (clips.length === 0) fail('clips', 'at least one', 'none');
  for (const clip of clips) requireText(fail, clip);
  const grids = clips.map((clip) => wanGrid(config, clip));
  const counts = grids.map(({ frames, height, width }) => frames * height * width);
  const tokens = startsOf(counts);
  const text = startsOf(clips.map(({ textTokens }) => textTokens));
  const images = clips.map((clip) => imageTokens(config, clip));
  const image = startsOf(images);
  const input = imageGeometry(clips, config.inChannels, tokens);
  const output = imageGeometry(clips, config.outChannels, tokens);
  const frames = grids.map((grid) => grid.frames);
  const { rows, row } = packRows('wan', clips, frames, counts);
  const pairs = config.headDim / 2;
  const cos = new Float32Array(row.length * pairs);
  const sin = new Float32Array(row.length * pairs);
  clips.forEach((clip, i) => {
    const turns = rotaryTables(config, clip);
    cos.set(turns.cos, tokens[i] * pairs);
    sin.set(turns.sin, tokens[i] * pairs);
  });
  const hasImage = config.imageDim !== null;
  return {
    sizes: {
      segments: clips.length,
      elements: input.elements,
      outputElements: output.elements,
      tokens: row.length,
      rows,
      textTokens: text[clips.length],
      ...(hasImage && { imageTokens: image[clips.length] }),
    },
    inputs: {
      geometry: input.geometry,
      outputGeometry: output.geometry,
      row,
      cos,
      sin,
      selfSegments: segmentTable(tokens, tokens),
      crossSegments: segmentTable(tokens, text),
      ...(hasImage && { imageSegments: segmentTable(tokens, image) }),
      ...(config.imagePositions !== null && {
        imagePosition: Int32Array.from(images.flatMap((count) => [...Array(count).keys()])),
      }),
    },
  };
}

function imageTokens(config: WanConfig, { imageTokens: count = 0 }: WanClip): number {
  const [good, expected] =
    config.imageDim === null
      ? [count === 0, 'none, as the model takes no image']
      : config.imagePositions === null
        ? [Number.isInteger(count) && count > 0, 'at least one']
        : [count === config.imagePositions, config.imagePositions];
  return good ? count : fail('image tokens', expected, count);
}
