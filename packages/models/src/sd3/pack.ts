import { type Refuse, refusalBy } from '../bad-input.js';
import { packJoint } from '../joint-pack.js';
import { type ImageSize, imageGeometry, partOf, segmentTable } from '../packing.js';
import type { Sd3Config } from './config.js';

const fail: Refuse = refusalBy('sd3');

/** One image of a run; a guided request is two of them. Sizes are those of the latents. */
export interface Sd3Image extends ImageSize {
  /** Tokens of its text, padding included: there is no text mask. */
  readonly textTokens: number;
}

/** Images laid one after another, each with a row of its own. */
export interface Sd3Packing {
  readonly sizes: {
    readonly segments: number;
    readonly elements: number;
    readonly outputElements: number;
    readonly tokens: number;
    readonly rows: number;
    readonly textTokens: number;
    readonly joint: number;
  };
  readonly inputs: {
    /** [segments, 5] */
    readonly geometry: Int32Array;
    readonly outputGeometry: Int32Array;
    /** [tokens], the place among the trained positions */
    readonly position: Int32Array;
    /** [tokens] */
    readonly row: Int32Array;
    /** [textTokens] */
    readonly textRow: Int32Array;
    /** [joint] */
    readonly jointIndex: Int32Array;
    /** [segments, 4] */
    readonly imageSegments: Int32Array;
    readonly textSegments: Int32Array;
    /** With dual attention. */
    readonly imageOnlySegments?: Int32Array;
  };
}

/** Packs images of any sizes into one run of {@link sd3Transformer}. */
export function packSd3(config: Sd3Config, images: readonly Sd3Image[]): Sd3Packing {
  if (images.length === 0) fail('images', 'at least one', 'none');
  const { patchSize: p, positionsSize: size } = config;
  for (const { height, width, textTokens } of images) {
    for (const side of [height, width]) {
      const good = side >= p && side % p === 0 && side / p <= size;
      if (!good) fail('sides of the latents', `multiples of ${p} up to ${p * size}`, side);
    }
    if (!(textTokens >= 1)) fail('text tokens', 'at least one', textTokens);
  }
  const counts = images.map(({ height, width }) => (height * width) / (p * p));
  const texts = images.map(({ textTokens }) => textTokens);
  const { starts, ...joint } = packJoint(counts, texts, 'image-first');
  const tokens = starts.images;
  const input = imageGeometry(images, config.inChannels, tokens);
  const output = imageGeometry(images, config.outChannels, tokens);
  return {
    sizes: {
      segments: images.length,
      elements: input.elements,
      outputElements: output.elements,
      tokens: tokens[images.length],
      rows: images.length,
      textTokens: starts.texts[images.length],
      joint: starts.joint[images.length],
    },
    inputs: {
      geometry: input.geometry,
      outputGeometry: output.geometry,
      position: Int32Array.from(
        images.flatMap(({ height, width }) => centre(size, height / p, width / p)),
      ),
      row: partOf(counts),
      textRow: partOf(texts),
      ...joint,
      ...(config.dualAttention.length > 0
        ? { imageOnlySegments: segmentTable(tokens, tokens) }
        : {}),
    },
  };
}

/** The places of a grid in the middle of a square. */
function centre(size: number, rows: number, columns: number): number[] {
  const [top, left] = [Math.floor((size - rows) / 2), Math.floor((size - columns) / 2)];
  return Array.from({ length: rows * columns }, (_, i) => {
    return (top + Math.floor(i / columns)) * size + left + (i % columns);
  });
}
