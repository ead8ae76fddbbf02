import type { DitPreset } from '@tubelet/models';
import { availableThreads, type Precision } from '@tubelet/runtime';

/** What the command line says. */
export interface Options {
  readonly threads: number;
  /** Rounds of each contestant. */
  readonly rounds: number;
  /** Largest time of one row that is allowed to take long. */
  readonly seconds: number;
  readonly models: readonly DitPreset[];
  readonly precisions: readonly Precision[];
  /** Images in a run. */
  readonly images: readonly number[];
  /** Sides of the images in pixels. */
  readonly pixels: readonly number[];
  /** Words after the benchmark's name. */
  readonly words: readonly string[];
}

/** For `parseArgs` of node:util. */
export const optionDefinitions = {
  threads: { type: 'string' },
  rounds: { type: 'string', default: '15' },
  seconds: { type: 'string', default: '20' },
  model: { type: 'string', default: 'DiT-S/2,DiT-B/2' },
  precision: { type: 'string', default: 'f32,bf16,int8' },
  images: { type: 'string', default: '1' },
  pixels: { type: 'string', default: '256' },
  json: { type: 'boolean', default: false },
  save: { type: 'boolean', default: false },
  page: { type: 'string' },
} as const;

type Given = Readonly<
  Record<'rounds' | 'seconds' | 'model' | 'precision' | 'images' | 'pixels', string>
> & {
  readonly threads?: string;
};

/** @throws Error naming the option */
export function readOptions(given: Given, words: readonly string[]): Options {
  return {
    threads: given.threads === undefined ? availableThreads() : whole('threads', given.threads),
    rounds: whole('rounds', given.rounds),
    seconds: whole('seconds', given.seconds),
    models: list('model', given.model, presets),
    precisions: list('precision', given.precision, ['f32', 'bf16', 'int8']),
    images: given.images.split(',').map((item) => whole('images', item)),
    pixels: given.pixels.split(',').map((item) => whole('pixels', item)),
    words,
  };
}

const presets = ['S', 'B', 'L', 'XL'].flatMap((width) =>
  [2, 4, 8].map((patch) => `DiT-${width}/${patch}` as DitPreset),
);

function whole(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 1024) return value;
  throw new Error(`--${name} must be = a whole number from 1 to 1024, got ${text}`);
}

function list<T extends string>(name: string, text: string, known: readonly T[]): T[] {
  return text.split(',').map((item) => {
    const found = known.find((value) => value === item);
    if (found === undefined)
      throw new Error(`--${name} must be = some of ${known.join(',')}, got ${item}`);
    return found;
  });
}
