import { type Refuse, refusalBy } from '../bad-input.js';
import { imagePlaces, packJoint } from '../joint-pack.js';
import { partOf, segmentTable } from '../packing.js';
import type { FluxConfig } from './config.js';

const fail: Refuse = refusalBy('flux');

/** One image of a run. */
export interface FluxImage {
  /** Rows and columns of tokens: half of the latents'. */
  readonly height: number;
  readonly width: number;
  /** Tokens of its text, padding included: there is no text mask. */
  readonly textTokens: number;
}

/** Images laid one after another, each with a row of its own; in a segment the text comes first. */
export interface FluxPacking {
  readonly sizes: {
    readonly segments: number;
    readonly tokens: number;
    readonly rows: number;
    readonly textTokens: number;
    readonly joint: number;
  };
  readonly inputs: {
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
    /** [joint, headDim / 2] */
    readonly cos: Float32Array;
    readonly sin: Float32Array;
  };
}

const theta = 10_000;

/** Packs images of any sizes into one run of {@link fluxTransformer}. */
export function packFlux(config: FluxConfig, images: readonly FluxImage[]): FluxPacking {
  if (images.length === 0) fail('images', 'at least one', 'none');
  for (const image of images) {
    for (const key of ['height', 'width', 'textTokens'] as const) {
      const good = Number.isInteger(image[key]) && image[key] >= 1;
      if (!good) fail(key, 'a whole number from 1', image[key]);
    }
  }
  const counts = images.map(({ height, width }) => height * width);
  const texts = images.map(({ textTokens }) => textTokens);
  const { starts, ...joint } = packJoint(counts, texts, 'text-first');
  const places = joint.jointIndex.length;
  const imageIndex = imagePlaces(joint.jointIndex, starts.images[images.length]);
  return {
    sizes: {
      segments: images.length,
      tokens: imageIndex.length,
      rows: images.length,
      textTokens: starts.texts[images.length],
      joint: places,
    },
    inputs: {
      row: partOf(counts),
      textRow: partOf(texts),
      jointRow: partOf(counts.map((count, i) => count + texts[i])),
      ...joint,
      imageIndex,
      jointSegments: segmentTable(starts.joint, starts.joint),
      ...rotaryTables(config, images, starts.images, imageIndex, places),
    },
  };
}

/** Text stands at position 0, an image's token at (0, row, column). Angles in double, rounded to float32. */
function rotaryTables(
  { headDim, ropeAxes }: FluxConfig,
  images: readonly FluxImage[],
  starts: readonly number[],
  imageIndex: Int32Array,
  places: number,
) {
  const pairs = headDim / 2;
  const cos = new Float32Array(places * pairs).fill(1);
  const sin = new Float32Array(places * pairs);
  images.forEach(({ height, width }, image) => {
    for (let token = 0; token < height * width; token++) {
      let at = imageIndex[starts[image] + token] * pairs;
      [0, Math.floor(token / width), token % width].forEach((position, axis) => {
        const count = ropeAxes[axis] / 2;
        for (let i = 0; i < count; i++) {
          const angle = position / theta ** (i / count);
          cos[at] = Math.cos(angle);
          sin[at] = Math.sin(angle);
          at++;
        }
      });
    }
  });
  return { cos, sin };
}
