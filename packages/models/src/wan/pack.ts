import { TubeletError } from '@tubelet/graph';
import { type ClipTimesteps, rowOfTokens } from '../timestep-rows.js';
import type { WanConfig } from './config.js';
import { type LatentSize, rotaryTables, tokenGrid } from './rotary.js';

/** One clip of a run; a guided request is two of them, with and without its text. */
export interface WanClip extends LatentSize, ClipTimesteps {
  /** Tokens of its text, padding included: there is no text mask. */
  readonly textTokens: number;
  /** Tokens of its image; only for models that take one, and needed there. */
  readonly imageTokens?: number;
}

/** Where the data of one clip begins in the packed tensors, counted in elements of latents, tokens and rows. */
export interface WanOffsets {
  readonly element: number;
  readonly outputElement: number;
  readonly token: number;
  readonly row: number;
  readonly text: number;
  readonly image: number;
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
  readonly offsets: readonly WanOffsets[];
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
  if (clips.length === 0)
    throw new TubeletError('BAD_INPUT', 'wan', 'clips must be = at least one, got none');
  const parts = clips.map((clip) => {
    requireText(clip);
    const grid = tokenGrid(config, clip);
    const tokens = grid.frames * grid.height * grid.width;
    const places = clip.frames * clip.height * clip.width;
    return {
      ...rotaryTables(config, clip),
      clip,
      tokens,
      places,
      image: imageTokens(config, clip),
      row: rowOfTokens('wan', clip, grid.frames, tokens),
    };
  });

  let next: WanOffsets = { element: 0, outputElement: 0, token: 0, row: 0, text: 0, image: 0 };
  const offsets = parts.map(({ clip, places, tokens, image }) => {
    const here = next;
    next = {
      element: here.element + places * config.inChannels,
      outputElement: here.outputElement + places * config.outChannels,
      token: here.token + tokens,
      row: here.row + (clip.rows ?? 1),
      text: here.text + clip.textTokens,
      image: here.image + image,
    };
    return here;
  });

  const table = (row: (part: (typeof parts)[number], at: WanOffsets) => readonly number[]) =>
    Int32Array.from(parts.flatMap((part, i) => row(part, offsets[i])));
  const join = (name: 'cos' | 'sin') => {
    const joined = new Float32Array((next.token * config.headDim) / 2);
    parts.forEach((part, i) => {
      joined.set(part[name], (offsets[i].token * config.headDim) / 2);
    });
    return joined;
  };
  const row = new Int32Array(next.token);
  parts.forEach((part, i) => {
    const at = offsets[i];
    row.set(
      part.row.map((local) => local + at.row),
      at.token,
    );
  });
  const hasImage = config.imageDim !== null;
  return {
    sizes: {
      segments: clips.length,
      elements: next.element,
      outputElements: next.outputElement,
      tokens: next.token,
      rows: next.row,
      textTokens: next.text,
      ...(hasImage ? { imageTokens: next.image } : {}),
    },
    offsets,
    inputs: {
      geometry: table(({ clip }, at) => [
        at.element,
        at.token,
        clip.frames,
        clip.height,
        clip.width,
      ]),
      outputGeometry: table(({ clip }, at) => [
        at.outputElement,
        at.token,
        clip.frames,
        clip.height,
        clip.width,
      ]),
      row,
      cos: join('cos'),
      sin: join('sin'),
      selfSegments: table(({ tokens }, at) => [
        at.token,
        at.token + tokens,
        at.token,
        at.token + tokens,
      ]),
      crossSegments: table(({ clip, tokens }, at) => [
        at.token,
        at.token + tokens,
        at.text,
        at.text + clip.textTokens,
      ]),
      ...(hasImage
        ? {
            imageSegments: table(({ tokens, image }, at) => [
              at.token,
              at.token + tokens,
              at.image,
              at.image + image,
            ]),
          }
        : {}),
      ...(config.imagePositions === null
        ? {}
        : { imagePosition: table(({ image }) => [...Array(image).keys()]) }),
    },
  };
}

function requireText({ textTokens }: WanClip): void {
  if (Number.isInteger(textTokens) && textTokens >= 1) return;
  throw new TubeletError(
    'BAD_INPUT',
    'wan',
    `text tokens must be = at least one, got ${textTokens}`,
  );
}

function imageTokens(config: WanConfig, clip: WanClip): number {
  const { imageTokens: count = 0 } = clip;
  const [good, expected] =
    config.imageDim === null
      ? [count === 0, 'none, as the model takes no image']
      : config.imagePositions === null
        ? [Number.isInteger(count) && count > 0, 'at least one']
        : [count === config.imagePositions, config.imagePositions];
  if (good) return count;
  throw new TubeletError('BAD_INPUT', 'wan', `image tokens must be = ${expected}, got ${count}`);
}
