import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type FixtureTensor, readSafetensorsFixture } from '../safetensors-fixture.js';
import type { GoldenNotes } from './closeness.js';

type Tensors = ReadonlyMap<string, FixtureTensor>;

/** The folder of a model's golden. */
export interface ModelCase {
  /** As the original saves it, without the notes. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly notes: GoldenNotes;
  readonly weights: Tensors;
  readonly io: Tensors;
}

export async function readModelCase(directory: string): Promise<ModelCase> {
  const [text, weights, io] = await Promise.all([
    readFile(join(directory, 'config.json'), 'utf8'),
    readSafetensorsFixture(join(directory, 'model.safetensors')),
    readSafetensorsFixture(join(directory, 'io.safetensors')),
  ]);
  const { golden, ...config } = JSON.parse(text) as Record<string, unknown>;
  return { config, notes: (golden ?? {}) as GoldenNotes, weights, io };
}

export function tensorOf(tensors: Tensors, name: string): FixtureTensor {
  const tensor = tensors.get(name);
  if (!tensor) throw new Error(`golden must have = ${name}, got ${[...tensors.keys()].join(', ')}`);
  return tensor;
}

/** Sample `index` of a batch. */
export function sampleOf({ shape, values }: FixtureTensor, index: number): FixtureTensor {
  const size = values.length / shape[0];
  return { shape: shape.slice(1), values: values.subarray(index * size, (index + 1) * size) };
}

/** [C, F, H, W] as [F, H, W, C] */
export function channelsLast({ shape, values }: FixtureTensor): FixtureTensor {
  const [channels, ...rest] = shape as [number, ...number[]];
  const places = values.length / channels;
  const moved = values.map((_, i) => values[(i % channels) * places + Math.floor(i / channels)]);
  return { shape: [...rest, channels], values: moved };
}

/** The rows of each sample that its mask keeps: texts without padding. */
export function keptRows(tensors: Tensors, name: string, maskName: string): Float64Array[] {
  const [batch, mask] = [tensorOf(tensors, name), tensorOf(tensors, maskName)];
  const width = batch.shape[2];
  return Array.from({ length: batch.shape[0] }, (_, i) => {
    const kept = sampleOf(mask, i).values;
    const { values } = sampleOf(batch, i);
    return Float64Array.from(values.filter((_, at) => kept[Math.floor(at / width)] === 1));
  });
}
