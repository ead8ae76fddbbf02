import type { DitConfig } from './config.js';

/** Images laid one after another: everything of {@link dit}'s inputs that depends on their number only. */
export interface DitPacking {
  readonly sizes: {
    readonly segments: number;
    readonly elements: number;
    readonly outputElements: number;
    readonly tokens: number;
    readonly rows: number;
  };
  readonly inputs: {
    /** [segments, 5] */
    readonly geometry: Int32Array;
    readonly outputGeometry: Int32Array;
    /** [tokens] */
    readonly position: Int32Array;
    readonly row: Int32Array;
    /** [segments, 4] */
    readonly segments: Int32Array;
  };
}

/** Packs `images` images, each with a timestep and a label of its own. */
export function packDit(config: DitConfig, images: number): DitPacking {
  const { inputSize, patchSize, inChannels, learnSigma } = config;
  const perImage = (inputSize / patchSize) ** 2;
  const places = inputSize ** 2;
  const outChannels = learnSigma ? 2 * inChannels : inChannels;
  const tokens = images * perImage;
  const each = (row: (image: number) => readonly number[]) =>
    Int32Array.from(Array.from({ length: images }, (_, image) => row(image)).flat());
  const geometry = (channels: number) =>
    each((image) => [image * places * channels, image * perImage, 1, inputSize, inputSize]);
  return {
    sizes: {
      segments: images,
      elements: images * places * inChannels,
      outputElements: images * places * outChannels,
      tokens,
      rows: images,
    },
    inputs: {
      geometry: geometry(inChannels),
      outputGeometry: geometry(outChannels),
      position: Int32Array.from({ length: tokens }, (_, token) => token % perImage),
      row: Int32Array.from({ length: tokens }, (_, token) => Math.floor(token / perImage)),
      segments: each((image) => {
        const [start, end] = [image * perImage, (image + 1) * perImage];
        return [start, end, start, end];
      }),
    },
  };
}
