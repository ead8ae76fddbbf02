import { type Refuse, refusalBy } from '../bad-input.js';
import { type ImageSize, imageGeometry, partOf, segmentTable, startsOf } from '../packing.js';
import { sinCosPositions } from '../positions.js';
import type { PixartConfig } from './config.js';

const fail: Refuse = refusalBy('pixart');

/** One image of a run; a guided request is two of them, with and without its text. Sizes are those of the latents. */
export interface PixartImage extends ImageSize {
  /** Tokens of its text without padding. */
  readonly textTokens: number;
}

/** Images laid one after another, each with a row of its own. */
export interface PixartPacking {
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
    /** [tokens, hiddenSize] */
    readonly positions: Float32Array;
    /** [tokens] */
    readonly row: Int32Array;
    /** [segments, 4] */
    readonly segments: Int32Array;
    readonly crossSegments: Int32Array;
  };
}

/** Packs images of any sizes into one run of {@link pixart}. */
export function packPixart(config: PixartConfig, images: readonly PixartImage[]): PixartPacking {
  if (images.length === 0) fail('images', 'at least one', 'none');
  const { patchSize: p, hiddenSize: D, interpolationScale } = config;
  for (const { height, width, textTokens } of images) {
    for (const side of [height, width])
      if (!(side >= p && side % p === 0)) fail('sides of the latents', `multiples of ${p}`, side);
    if (!(textTokens >= 1)) fail('text tokens', 'at least one', textTokens);
  }
  const counts = images.map(({ height, width }) => (height * width) / (p * p));
  const tokens = startsOf(counts);
  const text = startsOf(images.map(({ textTokens }) => textTokens));
  const input = imageGeometry(images, config.inChannels, tokens);
  const output = imageGeometry(images, config.outChannels, tokens);
  const positions = new Float32Array(tokens[images.length] * D);
  images.forEach(({ height, width }, i) => {
    const grid = { baseSize: config.sampleSize / p, interpolationScale };
    positions.set(sinCosPositions(D, height / p, width / p, grid), tokens[i] * D);
  });
  return {
    sizes: {
      segments: images.length,
      elements: input.elements,
      outputElements: output.elements,
      tokens: tokens[images.length],
      rows: images.length,
      textTokens: text[images.length],
    },
    inputs: {
      geometry: input.geometry,
      outputGeometry: output.geometry,
      positions,
      row: partOf(counts),
      segments: segmentTable(tokens, tokens),
      crossSegments: segmentTable(tokens, text),
    },
  };
}
