import { type Refuse, refusalBy } from '../bad-input.js';
import { packJoint } from '../joint-pack.js';
import {
  type ClipSize,
  imageGeometry,
  partOf,
  segmentTable,
  startsOf,
  tokenGrid,
} from '../packing.js';
import type { MochiConfig } from './config.js';
import { mochiRotary } from './rotary.js';

const fail: Refuse = refusalBy('mochi');

/** One clip of a run; a guided request is two of them. Sizes are those of the latents. */
export interface MochiClip extends ClipSize {
  /** Tokens of its text without padding: the mask's ones, which come first; 0 where the text is empty. */
  readonly textTokens: number;
}

/**
 * Clips laid one after another, each with a row of its own. Where no clip has any text, there is one row of text that nothing
 * attends, as no size of a run is 0: give zeros.
 */
export interface MochiPacking {
  readonly sizes: {
    readonly segments: number;
    readonly elements: number;
    readonly outputElements: number;
    readonly tokens: number;
    readonly textTokens: number;
    readonly joint: number;
    readonly pool: number;
  };
  readonly inputs: {
    /** [segments, 5] */
    readonly geometry: Int32Array;
    readonly outputGeometry: Int32Array;
    /** [tokens], [textTokens] */
    readonly row: Int32Array;
    readonly textRow: Int32Array;
    /** [joint] */
    readonly jointIndex: Int32Array;
    /** [pool], each clip's mean before its text */
    readonly poolIndex: Int32Array;
    /** [segments, 4] */
    readonly imageSegments: Int32Array;
    readonly textSegments: Int32Array;
    readonly textMeanSegments: Int32Array;
    readonly poolSegments: Int32Array;
    /** [tokens, hiddenSize / 2] */
    readonly cos: Float32Array;
    readonly sin: Float32Array;
  };
}

/**
 * Packs clips of any sizes into one run of {@link mochiTransformer}.
 *
 * @param frequencies the checkpoint's `pos_frequencies` [3, heads, headDim / 2]
 */
export function packMochi(
  config: MochiConfig,
  clips: readonly MochiClip[],
  frequencies: ArrayLike<number>,
): MochiPacking {
  if (clips.length === 0) fail('clips', 'at least one', 'none');
  const expected = (3 * config.hiddenSize) / 2;
  if (frequencies.length !== expected)
    fail('pos_frequencies', `${expected} numbers`, frequencies.length);
  const grids = clips.map((clip) => {
    const { textTokens } = clip;
    if (!(Number.isInteger(textTokens) && textTokens >= 0))
      fail('text tokens', 'a whole number from 0', textTokens);
    return tokenGrid(fail, clip, [1, config.patchSize, config.patchSize]);
  });
  const counts = grids.map(([frames, rows, columns]) => frames * rows * columns);
  const texts = clips.map(({ textTokens }) => textTokens);
  const hasText = texts.some((tokens) => tokens > 0);
  const ones = counts.map(() => 1);
  const { starts, ...joint } = packJoint(counts, texts, 'image-first');
  const pool = packJoint(ones, texts, 'image-first');
  const segments = clips.length;
  const input = imageGeometry(clips, config.inChannels, starts.images);
  const output = imageGeometry(clips, config.outChannels, starts.images);
  return {
    sizes: {
      segments,
      elements: input.elements,
      outputElements: output.elements,
      tokens: starts.images[segments],
      textTokens: hasText ? starts.texts[segments] : 1,
      joint: starts.joint[segments],
      pool: pool.jointIndex.length,
    },
    inputs: {
      geometry: input.geometry,
      outputGeometry: output.geometry,
      row: partOf(counts),
      textRow: hasText ? partOf(texts) : Int32Array.of(0),
      ...joint,
      poolIndex: pool.jointIndex,
      textMeanSegments: segmentTable(startsOf(ones), starts.texts),
      poolSegments: pool.imageSegments,
      ...mochiRotary(config, grids, frequencies),
    },
  };
}
