import { type Refuse, refusalBy } from '../bad-input.js';
import { type ImageSize, imageGeometry, partOf, segmentTable, startsOf } from '../packing.js';
import type { VitConfig } from './config.js';
import { vitPositions } from './positions.js';

const fail: Refuse = refusalBy('vit');

/** Images laid one after another: everything of {@link vit}'s inputs but the pixels. */
export interface VitPacking {
  readonly sizes: {
    readonly segments: number;
    readonly elements: number;
    readonly patches: number;
    readonly tokens: number;
  };
  /** First token of each image: its class token. */
  readonly offsets: readonly number[];
  readonly inputs: {
    /** [segments, 5] */
    readonly geometry: Int32Array;
    /** [tokens] */
    readonly tokenIndex: Int32Array;
    /** [tokens, hiddenSize] */
    readonly positions: Float32Array;
    /** [segments, 4] */
    readonly segments: Int32Array;
    /** [segments] */
    readonly summaryIndex: Int32Array;
    /** [segments, 4], patches without the class token */
    readonly summarySegments: Int32Array;
  };
}

/**
 * Packs images of any sizes that are multiples of the patch.
 *
 * @param table the checkpoint's `position_embeddings`, [1 + trained patches, hiddenSize]
 */
export function packVit(
  config: VitConfig,
  images: readonly ImageSize[],
  table: ArrayLike<number>,
): VitPacking {
  if (images.length === 0) fail('images', 'at least one', 'none');
  const { patchSize: p, hiddenSize: D, channels } = config;
  const grids = images.map(({ height, width }) => {
    for (const side of [height, width])
      if (!(side >= p && side % p === 0)) fail('sides of an image', `multiples of ${p}`, side);
    return { rows: height / p, columns: width / p };
  });
  const counts = grids.map(({ rows, columns }) => rows * columns);
  const patches = startsOf(counts);
  const tokens = startsOf(counts.map((count) => 1 + count));
  const total = tokens[images.length];
  const { geometry, elements } = imageGeometry(images, channels, patches);
  const image = partOf(counts.map((count) => 1 + count));
  const positions = new Float32Array(total * D);
  grids.forEach((grid, i) => {
    positions.set(vitPositions(config, table, grid), tokens[i] * D);
  });
  const starts = tokens.slice(0, images.length);
  return {
    sizes: { segments: images.length, elements, patches: patches[images.length], tokens: total },
    offsets: starts,
    inputs: {
      geometry,
      // The class token is the row behind all patches.
      tokenIndex: image.map((i, t) =>
        t === tokens[i] ? patches[images.length] : patches[i] + t - tokens[i] - 1,
      ),
      positions,
      segments: segmentTable(tokens, tokens),
      summaryIndex: Int32Array.from(starts),
      summarySegments: Int32Array.from(
        starts.flatMap((start, i) => [i, i + 1, start + 1, tokens[i + 1]]),
      ),
    },
  };
}
