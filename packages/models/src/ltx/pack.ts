import { type Refuse, refusalBy } from '../bad-input.js';
import {
  type ClipSize,
  imageGeometry,
  requireText,
  segmentTable,
  startsOf,
  tokenGrid,
} from '../packing.js';
import { type ClipTimesteps, packRows } from '../timestep-rows.js';
import type { LtxConfig } from './config.js';
import { gridCoordinates, rotaryPositions } from './positions.js';

const fail: Refuse = refusalBy('ltx');

/** One clip of a run; a guided request is two of them, with and without its text. Sizes are those of the latents. */
export interface LtxClip extends ClipSize, ClipTimesteps {
  /** Tokens of its text without padding. */
  readonly textTokens: number;
  /**
   * What one latent comes to in time and space: the original's pipeline gives the autoencoder's factors, time divided by the
   * frame rate, [8 / 25, 32, 32]. Not used with coordinates.
   */
  readonly scale?: readonly [t: number, h: number, w: number];
  /** Where each token is instead, [3, tokens]: time, and rows and columns in pixels (conditioned clips of 0.9.5). */
  readonly coordinates?: Float32Array;
}

/** Clips laid one after another. */
export interface LtxPacking {
  readonly sizes: {
    readonly segments: number;
    readonly elements: number;
    readonly outputElements: number;
    readonly tokens: number;
    readonly rows: number;
    readonly textTokens: number;
  };
  readonly inputs: {
    /** [segments, 5] */
    readonly geometry: Int32Array;
    readonly outputGeometry: Int32Array;
    /** [tokens] */
    readonly row: Int32Array;
    /** [tokens, hiddenSize / 2] */
    readonly cos: Float32Array;
    readonly sin: Float32Array;
    /** [segments, 4] */
    readonly selfSegments: Int32Array;
    readonly crossSegments: Int32Array;
  };
}

/** Packs clips of any sizes into one run of {@link ltxTransformer}. */
export function packLtx(config: LtxConfig, clips: readonly LtxClip[]): LtxPacking {
  if (clips.length === 0) fail('clips', 'at least one', 'none');
  const grids = clips.map((clip) => {
    requireText(fail, clip);
    return tokenGrid(fail, clip, [config.patchSizeT, config.patchSize, config.patchSize]);
  });
  const counts = grids.map((grid) => grid.reduce((a, b) => a * b));
  const tokens = startsOf(counts);
  const text = startsOf(clips.map(({ textTokens }) => textTokens));
  const input = imageGeometry(clips, config.inChannels, tokens);
  const output = imageGeometry(clips, config.outChannels, tokens);
  const pairs = config.hiddenSize / 2;
  const frames = grids.map(([count]) => count);
  const { rows, row } = packRows('ltx', clips, frames, counts);
  const cos = new Float32Array(row.length * pairs);
  const sin = new Float32Array(row.length * pairs);
  clips.forEach((clip, i) => {
    const turns = rotaryPositions(config, coordinatesOf(config, clip, grids[i], counts[i]));
    cos.set(turns.cos, tokens[i] * pairs);
    sin.set(turns.sin, tokens[i] * pairs);
  });
  return {
    sizes: {
      segments: clips.length,
      elements: input.elements,
      outputElements: output.elements,
      tokens: row.length,
      rows,
      textTokens: text[clips.length],
    },
    inputs: {
      geometry: input.geometry,
      outputGeometry: output.geometry,
      row,
      cos,
      sin,
      selfSegments: segmentTable(tokens, tokens),
      crossSegments: segmentTable(tokens, text),
    },
  };
}

function coordinatesOf(
  config: LtxConfig,
  { coordinates, scale }: LtxClip,
  grid: readonly number[],
  tokens: number,
): Float32Array {
  if (coordinates) {
    if (coordinates.length === 3 * tokens) return coordinates;
    return fail('coordinates', `3 for each of ${tokens} tokens`, coordinates.length);
  }
  const good = scale?.every((step) => Number.isFinite(step) && step > 0);
  if (scale && good) return gridCoordinates(grid, scale, config);
  return fail('scale', 'three numbers above 0, or coordinates', String(scale));
}
