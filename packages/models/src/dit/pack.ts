import { TubeletError } from '@tubelet/graph';
import { sinCosPositions } from '../positions.js';
import type { DitConfig } from './config.js';

/** Images laid one after another: everything of {@link dit}'s inputs that depends on their number only. */
export interface DitPacking {
  /** Size of each symbol of the graph. */
  readonly sizes: {
    readonly segments: number;
    readonly elements: number;
    readonly outputElements: number;
    readonly tokens: number;
    readonly rows: number;
    readonly contextTokens?: number;
    readonly sequence?: number;
  };
  readonly inputs: {
    /** [segments, 5] */
    readonly geometry: Int32Array;
    readonly outputGeometry: Int32Array;
    /** [segments, 4] */
    readonly segments: Int32Array;
    /** [tokens] */
    readonly position?: Int32Array;
    /** [tokens, hiddenSize] */
    readonly positions?: Float32Array;
    /** [tokens] */
    readonly row?: Int32Array;
    /** [contextTokens] */
    readonly contextIndex?: Int32Array;
    /** [segments, 4] */
    readonly crossSegments?: Int32Array;
    /** [sequence] */
    readonly sequenceIndex?: Int32Array;
    /** [tokens] */
    readonly imageIndex?: Int32Array;
  };
}

/** Packs `images` images, each with a timestep and a label of its own. */
export function packDit(config: DitConfig, images: number): DitPacking {
  if (!Number.isInteger(images) || images < 1) {
    throw new TubeletError('BAD_INPUT', 'dit', `images must be = 1 or more, got ${images}`);
  }
  const { inputSize, patchSize, inChannels, outChannels, conditioning } = config;
  const perImage = (inputSize / patchSize) ** 2;
  const places = inputSize ** 2;
  const tokens = images * perImage;
  const each = (row: (image: number) => readonly number[]) =>
    Int32Array.from(Array.from({ length: images }, (_, image) => row(image)).flat());
  const geometry = (channels: number) =>
    each((image) => [image * places * channels, image * perImage, 1, inputSize, inputSize]);
  const token = (of: (image: number, place: number) => number) =>
    Int32Array.from({ length: tokens }, (_, t) => of(Math.floor(t / perImage), t % perImage));
  /** In-context: the tokens of an image, its timestep and its label. */
  const together = perImage + 2;
  const inContext = conditioning === 'in-context';
  const length = inContext ? together : perImage;
  const modulated = conditioning.startsWith('adaln') ? { row: token((image) => image) } : {};
  return {
    sizes: {
      segments: images,
      elements: images * places * inChannels,
      outputElements: images * places * outChannels,
      tokens,
      rows: images,
      ...(conditioning === 'cross-attention' ? { contextTokens: 2 * images } : {}),
      ...(inContext ? { sequence: images * together } : {}),
    },
    inputs: {
      geometry: geometry(inChannels),
      outputGeometry: geometry(outChannels),
      segments: each((image) => {
        const [start, end] = [image * length, (image + 1) * length];
        return [start, end, start, end];
      }),
      ...(config.layout === 'diffusers'
        ? { positions: repeatedPositions(config, images) }
        : { position: token((_, place) => place) }),
      ...modulated,
      ...(conditioning === 'cross-attention'
        ? {
            contextIndex: each((image) => [image, images + image]),
            crossSegments: each((image) => {
              const [start, context] = [image * perImage, 2 * image];
              return [start, start + perImage, context, context + 2];
            }),
          }
        : {}),
      ...(inContext
        ? {
            sequenceIndex: each((image) => [
              ...Array.from({ length: perImage }, (_, place) => image * perImage + place),
              tokens + image,
              tokens + images + image,
            ]),
            imageIndex: token((image, place) => image * together + place),
          }
        : {}),
    },
  };
}

function repeatedPositions({ inputSize, patchSize, hiddenSize }: DitConfig, images: number) {
  const side = inputSize / patchSize;
  const table = sinCosPositions(hiddenSize, side, side);
  const positions = new Float32Array(images * table.length);
  for (let image = 0; image < images; image++) positions.set(table, image * table.length);
  return positions;
}
