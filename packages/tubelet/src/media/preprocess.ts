import { TubeletError } from '../errors.js';
import { type ResampleFilter, resample } from './resample.js';
import type { RgbImage } from './rgb-image.js';

/** How an image becomes what a model was trained on: a preprocessor_config.json of transformers. */
export interface Preprocessing {
  /** Null: as it comes. */
  readonly size: { readonly shortestEdge: number } | ImageSides | null;
  readonly filter: ResampleFilter;
  /** Cut from the middle; what is smaller has a black border. */
  readonly crop: ImageSides | null;
  /** Of bytes. */
  readonly scale: number;
  readonly offset: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

interface ImageSides {
  readonly height: number;
  readonly width: number;
}

type Json = Readonly<Record<string, unknown>>;

/** Pillow's numbers of filters. */
const pillowFilters: Readonly<Record<number, ResampleFilter>> = {
  1: 'lanczos',
  2: 'bilinear',
  3: 'bicubic',
};

/** What the processors of transformers 5.23.0 have where a file says nothing. */
interface Presets {
  /** Of the trained size; both sides where absent. */
  readonly shortestEdge?: (trained: number) => number;
  readonly crops: boolean;
  readonly filter: number;
  readonly scale: number;
  readonly offset: boolean;
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

const half = [0.5, 0.5, 0.5];
const presets = {
  /** CLIPImageProcessor */
  clip: {
    shortestEdge: (trained) => trained,
    crops: true,
    filter: 3,
    scale: 1 / 255,
    offset: false,
    mean: [0.48145466, 0.4578275, 0.40821073],
    std: [0.26862954, 0.26130258, 0.27577711],
  },
  /** ViTImageProcessor */
  vit: { crops: false, filter: 2, scale: 1 / 255, offset: false, mean: half, std: half },
  /** VivitImageProcessor */
  vivit: {
    shortestEdge: (trained) => Math.round((trained * 256) / 224),
    crops: true,
    filter: 2,
    scale: 1 / 127.5,
    offset: true,
    mean: half,
    std: half,
  },
} satisfies Record<string, Presets>;

/**
 * Reads a preprocessor_config.json (transformers 5.23.0, CLIPImageProcessor, ViTImageProcessor and VivitImageProcessor); absent
 * options have the defaults of the model's processor, for the size the model was trained on.
 *
 * @throws TubeletError BAD_CONFIG naming the option
 */
export function parsePreprocessing(
  json: Json,
  model: keyof typeof presets,
  trained: ImageSides,
): Preprocessing {
  const preset: Presets = presets[model];
  const flag = (name: string, preset: boolean) => {
    const value = json[name] ?? preset;
    return typeof value === 'boolean' ? value : refuse(name, 'true or false', value);
  };
  const number = (name: string, preset: number) => {
    const value = json[name] ?? preset;
    return Number.isFinite(value) ? (value as number) : refuse(name, 'a number', value);
  };
  const three = (name: string, preset: readonly number[]) => {
    const value = json[name] ?? preset;
    const good = Array.isArray(value) && value.length === 3 && value.every(Number.isFinite);
    return good ? (value as number[]) : refuse(name, 'three numbers', value);
  };
  const { shortestEdge } = preset;
  const shortest = shortestEdge?.(Math.min(trained.height, trained.width));
  const usual = shortest === undefined ? trained : { shortest_edge: shortest };
  const size = sidesOf('size', json.size ?? usual, shortestEdge === undefined);
  const crop = sidesOf('crop_size', json.crop_size ?? trained, true);
  if ('shortestEdge' in crop) refuse('crop_size', 'height and width', json.crop_size);
  const code = number('resample', preset.filter);
  const normalizes = flag('do_normalize', true);
  const rescales = flag('do_rescale', true);
  return {
    size: flag('do_resize', true) ? size : null,
    filter: pillowFilters[code] ?? refuse('resample', '1, 2 or 3', code),
    crop: flag('do_center_crop', preset.crops) ? (crop as ImageSides) : null,
    scale: rescales ? number('rescale_factor', preset.scale) : 1,
    offset: rescales && flag('offset', preset.offset) ? -1 : 0,
    mean: normalizes ? three('image_mean', preset.mean) : [0, 0, 0],
    std: normalizes ? three('image_std', preset.std) : [1, 1, 1],
  };
}

/** A number is both sides, or the shortest edge where the processor keeps the aspect. */
function sidesOf(name: string, value: unknown, isSquare: boolean) {
  if (typeof value === 'number' && isSquare)
    return sidesOf(name, { height: value, width: value }, true);
  const { shortest_edge, height, width } = Object(
    typeof value === 'number' ? { shortest_edge: value } : value,
  );
  const isSide = (side: unknown): side is number => Number.isInteger(side) && Number(side) > 0;
  if (isSide(shortest_edge)) return { shortestEdge: shortest_edge };
  if (isSide(height) && isSide(width)) return { height, width };
  return refuse(name, 'height and width, or shortest_edge', value);
}

/** @returns pixels [3, height, width] */
export function preprocess(image: RgbImage, how: Preprocessing) {
  const { data, width, height } = cropped(resized(image, how), how.crop);
  const pixels = new Float32Array(data.length);
  const area = width * height;
  for (let c = 0; c < 3; c++) {
    const [mean, std] = [how.mean[c]!, how.std[c]!];
    for (let i = 0; i < area; i++)
      pixels[c * area + i] = (data[3 * i + c]! * how.scale + how.offset - mean) / std;
  }
  return { pixels, height, width };
}

function resized(image: RgbImage, { size, filter }: Preprocessing): RgbImage {
  if (!size) return image;
  const target = 'shortestEdge' in size ? withShortest(image, size.shortestEdge) : size;
  if (target.height === image.height && target.width === image.width) return image;
  return resample(image, target.width, target.height, filter);
}

function withShortest({ height, width }: RgbImage, edge: number): ImageSides {
  const longest = Math.trunc((edge * Math.max(height, width)) / Math.min(height, width));
  return height <= width ? { height: edge, width: longest } : { height: longest, width: edge };
}

function cropped(image: RgbImage, crop: ImageSides | null): RgbImage {
  if (!crop) return image;
  const { height, width } = crop;
  const data = new Uint8Array(width * height * 3);
  const top = Math.floor((image.height - height) / 2);
  const left = Math.floor((image.width - width) / 2);
  const [from, to] = [Math.max(0, left), Math.min(image.width, left + width)];
  for (let y = Math.max(0, -top); y < Math.min(height, image.height - top); y++) {
    const row = (y + top) * image.width;
    const pixels = image.data.subarray((row + from) * 3, (row + to) * 3);
    data.set(pixels, (y * width + from - left) * 3);
  }
  return { data, width, height };
}

function refuse(what: string, expected: string, got: unknown): never {
  const shown = JSON.stringify(got);
  const message = `${what} must be = ${expected}, got ${shown}`;
  throw new TubeletError('BAD_CONFIG', 'preprocessor_config.json', message);
}
