import { type Refuse, refusalBy } from '../bad-input.js';
import { imagePlaces, packJoint } from '../joint-pack.js';
import { type ClipSize, imageGeometry, partOf, segmentTable } from '../packing.js';
import type { CogvideoxConfig } from './config.js';
import { computedPositions, rotaryPositions } from './positions.js';

const fail: Refuse = refusalBy('cogvideox');

/** One clip of a run; a guided request is two of them, with and without its text. Sizes are those of the latents. */
export interface CogvideoxClip extends ClipSize {
  /** Tokens of its text, padding included: there is no text mask. */
  readonly textTokens: number;
}

/** Clips laid one after another, each with a row of its own; in a segment the text comes first. */
export interface CogvideoxPacking {
  readonly sizes: {
    readonly segments: number;
    readonly elements: number;
    readonly outputElements: number;
    readonly tokens: number;
    readonly rows: number;
    /** Twice the rows: video and text. */
    readonly streamRows: number;
    readonly textTokens: number;
    readonly joint: number;
  };
  readonly inputs: {
    /** [segments, 5] */
    readonly geometry: Int32Array;
    readonly outputGeometry: Int32Array;
    /** [streamRows] */
    readonly streams: Int32Array;
    /** [joint] */
    readonly jointIndex: Int32Array;
    readonly row: Int32Array;
    /** [tokens] */
    readonly imageIndex: Int32Array;
    readonly imageRow: Int32Array;
    /** [segments, 4] */
    readonly segments: Int32Array;
    /** [joint, headDim / 2], where positions are rotary */
    readonly cos?: Float32Array;
    readonly sin?: Float32Array;
    /** [tokens, hiddenSize], where they are computed and added */
    readonly positions?: Float32Array;
    /** [joint], rows of the learned table */
    readonly position?: Int32Array;
  };
}

/** Packs clips of any sizes into one run of {@link cogvideoxTransformer}. */
export function packCogvideox(
  config: CogvideoxConfig,
  clips: readonly CogvideoxClip[],
): CogvideoxPacking {
  if (clips.length === 0) fail('clips', 'at least one', 'none');
  const grids = clips.map((clip) => gridOf(config, clip));
  const counts = grids.map(({ frames, height, width }) => frames * height * width);
  const texts = clips.map(({ textTokens }) => textTokens);
  const { starts, jointIndex } = packJoint(counts, texts, 'text-first');
  const tokens = starts.images[clips.length];
  const imageIndex = imagePlaces(jointIndex, tokens);
  const rows = clips.length;
  const row = partOf(counts.map((count, i) => count + texts[i])).map((r) => r + rows);
  for (const place of imageIndex) row[place] -= rows;
  const input = imageGeometry(clips, config.inChannels, starts.images);
  const output = imageGeometry(clips, config.outChannels, starts.images);
  return {
    sizes: {
      segments: clips.length,
      elements: input.elements,
      outputElements: output.elements,
      tokens,
      rows,
      streamRows: 2 * rows,
      textTokens: starts.texts[clips.length],
      joint: jointIndex.length,
    },
    inputs: {
      geometry: input.geometry,
      outputGeometry: output.geometry,
      streams: Int32Array.from({ length: 2 * rows }, (_, i) => i),
      jointIndex,
      row,
      imageIndex,
      imageRow: partOf(counts),
      segments: segmentTable(starts.joint, starts.joint),
      ...(config.positions === 'computed'
        ? { positions: joinTables(grids.map((grid) => computedPositions(config, grid))) }
        : jointTurns(config, grids, imageIndex, jointIndex.length)),
      ...(config.positions === 'rotary-learned'
        ? { position: Int32Array.from(counts.flatMap((count, i) => upTo(texts[i] + count))) }
        : {}),
    },
  };
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

function joinTables(tables: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(tables.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const table of tables) {
    out.set(table, at);
    at += table.length;
  }
  return out;
}

/** The turns of all clips in the joint order; text does not turn. */
function jointTurns(
  config: CogvideoxConfig,
  grids: readonly ClipSize[],
  imageIndex: Int32Array,
  places: number,
) {
  const pairs = config.headDim / 2;
  const cos = new Float32Array(places * pairs).fill(1);
  const sin = new Float32Array(places * pairs);
  let token = 0;
  for (const grid of grids) {
    const turns = rotaryPositions(config, grid);
    for (let from = 0; from < turns.cos.length; from += pairs) {
      const at = imageIndex[token++] * pairs;
      cos.set(turns.cos.subarray(from, from + pairs), at);
      sin.set(turns.sin.subarray(from, from + pairs), at);
    }
  }
  return { cos, sin };
}

/** A clip's size in tokens. */
function gridOf(config: CogvideoxConfig, clip: CogvideoxClip): ClipSize {
  const { patchSize: p, patchSizeT, trained, positions, maxTextTokens } = config;
  const along = (axis: keyof ClipSize, patch: number) => {
    const tokens = clip[axis] / patch;
    if (!(Number.isInteger(tokens) && tokens >= 1))
      fail(`latent ${axis}`, `a multiple of ${patch}`, clip[axis]);
    // Turns of 1.5 are a slice of the trained ones; a learned table has no others.
    const most = patchSizeT === null || axis === 'frames' ? clip[axis] : trained[axis];
    if (clip[axis] > most) fail(`latent ${axis}`, `at most ${most}, the trained size`, clip[axis]);
    if (positions === 'rotary-learned' && clip[axis] !== trained[axis])
      fail(`latent ${axis}`, `${trained[axis]}, as positions are learned`, clip[axis]);
    return tokens;
  };
  const { textTokens } = clip;
  if (!(Number.isInteger(textTokens) && textTokens >= 1))
    fail('text tokens', 'at least one', textTokens);
  if (positions !== 'rotary' && textTokens !== maxTextTokens)
    fail('text tokens', `${maxTextTokens}, as positions are added to them`, textTokens);
  return {
    frames: along('frames', patchSizeT ?? 1),
    height: along('height', p),
    width: along('width', p),
  };
}
