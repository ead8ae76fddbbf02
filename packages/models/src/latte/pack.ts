import { type Refuse, refusalBy } from '../bad-input.js';
import { type ClipSize, imageGeometry, partOf, segmentTable, startsOf } from '../packing.js';
import { sinCosPositions } from '../positions.js';
import type { LatteConfig } from './config.js';

const fail: Refuse = refusalBy('latte');

/** One clip of a run; a guided request is two of them, with and without its text. Sizes are those of the latents; one frame is a picture. */
export interface LatteClip extends ClipSize {
  /** Tokens of its text without padding. */
  readonly textTokens: number;
}

/** Clips laid one after another, each with a row of its own. */
export interface LattePacking {
  readonly sizes: {
    readonly clips: number;
    readonly rows: number;
    readonly elements: number;
    readonly outputElements: number;
    readonly tokens: number;
    /** Frames of all clips. */
    readonly frames: number;
    /** Places of one frame of every clip. */
    readonly places: number;
    readonly textTokens: number;
  };
  readonly inputs: {
    /** [clips, 5] */
    readonly geometry: Int32Array;
    readonly outputGeometry: Int32Array;
    /** [places, hiddenSize] */
    readonly positions: Float32Array;
    /** [tokens] */
    readonly place: Int32Array;
    readonly frame: Int32Array;
    readonly row: Int32Array;
    readonly byPlace: Int32Array;
    readonly byFrame: Int32Array;
    /** [frames, 4] */
    readonly spatialSegments: Int32Array;
    /** [clips, 4] */
    readonly crossSegments: Int32Array;
    /** [places, 4] */
    readonly temporalSegments: Int32Array;
  };
}

/** Packs clips of any sizes into one run of {@link latte}. */
export function packLatte(config: LatteConfig, clips: readonly LatteClip[]): LattePacking {
  if (clips.length === 0) fail('clips', 'at least one', 'none');
  const { patchSize: p, hiddenSize: D, interpolationScale } = config;
  for (const { frames, height, width, textTokens } of clips) {
    const inside = Number.isInteger(frames) && frames >= 1 && frames <= config.frames;
    if (!inside) fail('frames', `1 to ${config.frames}, which have positions`, frames);
    for (const side of [height, width])
      if (!(side >= p && side % p === 0)) fail('sides of the latents', `multiples of ${p}`, side);
    if (!(textTokens >= 1)) fail('text tokens', 'at least one', textTokens);
  }
  const areas = clips.map(({ height, width }) => (height * width) / (p * p));
  const counts = clips.map(({ frames }, i) => frames * areas[i]);
  const [tokens, places] = [startsOf(counts), startsOf(areas)];
  const text = startsOf(clips.map(({ textTokens }) => textTokens));
  const input = imageGeometry(clips, config.inChannels, tokens);
  const output = imageGeometry(clips, config.outChannels, tokens);
  const positions = new Float32Array(places[clips.length] * D);
  clips.forEach(({ height, width }, i) => {
    const grid = { baseSize: config.sampleSize / p, interpolationScale };
    positions.set(sinCosPositions(D, height / p, width / p, grid), places[i] * D);
  });

  const place = new Int32Array(tokens[clips.length]);
  const frame = new Int32Array(tokens[clips.length]);
  const byPlace = new Int32Array(tokens[clips.length]);
  const byFrame = new Int32Array(tokens[clips.length]);
  clips.forEach(({ frames }, i) => {
    for (let t = 0; t < frames; t++) {
      for (let s = 0; s < areas[i]; s++) {
        const [inFrame, inPlace] = [tokens[i] + t * areas[i] + s, tokens[i] + s * frames + t];
        place[inFrame] = places[i] + s;
        frame[inFrame] = frames === 1 ? config.frames : t;
        byPlace[inPlace] = inFrame;
        byFrame[inFrame] = inPlace;
      }
    }
  });
  const frames = startsOf(clips.flatMap(({ frames }, i) => Array<number>(frames).fill(areas[i])));
  const moments = startsOf(clips.flatMap(({ frames }, i) => Array<number>(areas[i]).fill(frames)));
  return {
    sizes: {
      clips: clips.length,
      rows: clips.length,
      elements: input.elements,
      outputElements: output.elements,
      tokens: tokens[clips.length],
      frames: frames.length - 1,
      places: places[clips.length],
      textTokens: text[clips.length],
    },
    inputs: {
      geometry: input.geometry,
      outputGeometry: output.geometry,
      positions,
      place,
      frame,
      row: partOf(counts),
      byPlace,
      byFrame,
      spatialSegments: segmentTable(frames, frames),
      crossSegments: segmentTable(tokens, text),
      temporalSegments: segmentTable(moments, moments),
    },
  };
}
