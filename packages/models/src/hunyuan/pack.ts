import { type Refuse, refusalBy } from '../bad-input.js';
import { packJoint } from '../joint-pack.js';
import {
  type ClipSize,
  imageGeometry,
  partOf,
  requireText,
  segmentTable,
  startsOf,
  tokenGrid,
} from '../packing.js';
import type { HunyuanConfig } from './config.js';
import { hunyuanRotary } from './rotary.js';

const fail: Refuse = refusalBy('hunyuan');

/** One clip of a run. Sizes are those of the latents. */
export interface HunyuanClip extends ClipSize {
  /** Tokens of its text without padding: the mask's ones, which come first. */
  readonly textTokens: number;
}

/** Clips laid one after another, each with a row of its own; in a segment the text comes last. */
export interface HunyuanPacking {
  readonly sizes: {
    readonly segments: number;
    readonly elements: number;
    readonly outputElements: number;
    readonly tokens: number;
    readonly textTokens: number;
    readonly joint: number;
    /** With `token_replace`. */
    readonly rows?: number;
  };
  readonly inputs: {
    /** [segments, 5] */
    readonly geometry: Int32Array;
    readonly outputGeometry: Int32Array;
    /** [tokens], [textTokens], [joint] */
    readonly row: Int32Array;
    readonly textRow: Int32Array;
    readonly jointRow: Int32Array;
    /** [joint] */
    readonly jointIndex: Int32Array;
    /** [tokens] */
    readonly imageIndex: Int32Array;
    /** [segments, 4] */
    readonly imageSegments: Int32Array;
    readonly textSegments: Int32Array;
    readonly jointSegments: Int32Array;
    readonly textSelfSegments: Int32Array;
    readonly textMeanSegments: Int32Array;
    /** [joint, headDim / 2] */
    readonly cos: Float32Array;
    readonly sin: Float32Array;
    /** [tokens] and [rows], with `token_replace`. */
    readonly clipRow?: Int32Array;
    readonly rowIndex?: Int32Array;
  };
}

/** Packs clips of any sizes into one run of {@link hunyuanTransformer}. */
export function packHunyuan(config: HunyuanConfig, clips: readonly HunyuanClip[]): HunyuanPacking {
  if (clips.length === 0) fail('clips', 'at least one', 'none');
  const grids = clips.map((clip) => {
    requireText(fail, clip);
    return tokenGrid(fail, clip, [config.patchSizeT, config.patchSize, config.patchSize]);
  });
  const counts = grids.map(([frames, rows, columns]) => frames * rows * columns);
  const texts = clips.map(({ textTokens }) => textTokens);
  const { starts, ...joint } = packJoint(counts, texts, 'image-first');
  const segments = clips.length;
  const places = starts.joint[segments];
  const imageIndex = Int32Array.from(
    counts.flatMap((count, i) => Array.from({ length: count }, (_, k) => starts.joint[i] + k)),
  );
  const one = startsOf(counts.map(() => 1));
  const input = imageGeometry(clips, config.inChannels, starts.images);
  const output = imageGeometry(clips, config.outChannels, starts.images);
  const clipRow = partOf(counts);
  const jointRow = partOf(counts.map((count, i) => count + texts[i]));
  const replaces = config.imageCondition === 'token_replace';
  const row = replaces ? firstFrames(clipRow, starts.images, grids) : clipRow;
  return {
    sizes: {
      segments,
      elements: input.elements,
      outputElements: output.elements,
      tokens: imageIndex.length,
      textTokens: starts.texts[segments],
      joint: places,
      ...(replaces ? { rows: 2 * segments } : {}),
    },
    inputs: {
      geometry: input.geometry,
      outputGeometry: output.geometry,
      row,
      textRow: partOf(texts),
      jointRow: replaces ? firstFrames(jointRow, starts.joint, grids) : jointRow,
      ...joint,
      imageIndex,
      jointSegments: segmentTable(starts.joint, starts.joint),
      textSelfSegments: segmentTable(starts.texts, starts.texts),
      textMeanSegments: segmentTable(one, starts.texts),
      ...hunyuanRotary(config, grids, imageIndex, places),
      ...(replaces
        ? { clipRow, rowIndex: Int32Array.from({ length: 2 * segments }, (_, i) => i) }
        : {}),
    },
  };
}

/** The tokens of each clip's first frame have the second half of the rows. */
function firstFrames(
  row: Int32Array,
  starts: readonly number[],
  grids: readonly (readonly number[])[],
): Int32Array {
  const rows = row.slice();
  grids.forEach(([, height, width], i) => {
    rows.fill(grids.length + i, starts[i], starts[i] + height * width);
  });
  return rows;
}
