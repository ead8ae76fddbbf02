import { TubeletError } from '@tubelet/graph';
import { imageGeometry, segmentTable } from '../packing.js';
import { type ClipVisionConfig, clipImageTokens } from './config.js';

/** Images one after another: everything of {@link clipVisionEncoder}'s inputs but the pixels. */
export interface ClipImagePacking {
  readonly sizes: {
    readonly segments: number;
    readonly elements: number;
    readonly patches: number;
    readonly tokens: number;
  };
  readonly inputs: {
    /** [segments, 5] */
    readonly geometry: Int32Array;
    /** [tokens] */
    readonly tokenIndex: Int32Array;
    readonly position: Int32Array;
    /** [segments, 4] */
    readonly segments: Int32Array;
    /** [segments] */
    readonly classIndex: Int32Array;
  };
}

/** @param count of the images, each of [channels, imageSize, imageSize] pixels */
export function packClipImages(config: ClipVisionConfig, count: number): ClipImagePacking {
  if (!Number.isInteger(count) || count < 1) {
    const message = `images must be = at least one, got ${count}`;
    throw new TubeletError('BAD_INPUT', 'clip-vision', message);
  }
  const { imageSize, channels } = config;
  const each = clipImageTokens(config);
  const patches = count * (each - 1);
  const tokens = count * each;
  const starts = Array.from({ length: count + 1 }, (_, i) => i * each);
  const images = Array.from({ length: count }, () => ({ height: imageSize, width: imageSize }));
  const firsts = starts.map((_, i) => i * (each - 1));
  const { geometry, elements } = imageGeometry(images, channels, firsts);
  const position = Int32Array.from({ length: tokens }, (_, token) => token % each);
  return {
    sizes: { segments: count, elements, patches, tokens },
    inputs: {
      geometry,
      // The class token is the row behind all patches.
      tokenIndex: position.map((place, token) =>
        place === 0 ? patches : Math.floor(token / each) * (each - 1) + place - 1,
      ),
      position,
      segments: segmentTable(starts, starts),
      classIndex: Int32Array.from(starts.slice(0, count)),
    },
  };
}
