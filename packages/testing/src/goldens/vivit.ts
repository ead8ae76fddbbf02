import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  inflateKernel,
  type KernelInflation,
  packVivit,
  parseScenicVivitConfig,
  parseVivitConfig,
  resizePositions,
  resizeTimePositions,
  scenicVivitWeights,
  tilePositions,
  vivit,
} from '@tubelet/models';
import type { RunGraph } from '../run-graph.js';
import { type FixtureTensor, readSafetensorsFixture } from '../safetensors-fixture.js';
import { type Closeness, type Comparison, compare, worstOf } from './closeness.js';
import { readModelCase, tensorOf } from './model-case.js';
import { onAddon } from './on-addon.js';

/** Runs a case of goldens/vivit: a model in transformers' names or in scenic's, or the initialisers. */
export async function checkVivitCase(
  directory: string,
  run: RunGraph = onAddon,
): Promise<Closeness> {
  if (directory.endsWith('/initialisers')) return checkInitialisers(directory);
  const { config: json, io, notes, weights } = await readModelCase(directory);
  const isScenic = 'model' in json;
  const config = isScenic ? parseScenicVivitConfig(json) : parseVivitConfig(json);
  const tensors = isScenic ? doubles(scenicVivitWeights(weights)) : weights;
  const table = (...names: string[]) =>
    names.map((name) => tensors.get(name)).find((tensor) => tensor !== undefined)?.values ?? [];
  const { shape, values } = tensorOf(io, isScenic ? 'input' : 'input.pixel_values');
  const { sizes, inputs } = packVivit(config, shape[0], {
    positions: table(
      'vivit.embeddings.position_embeddings',
      'embeddings.position_embeddings',
      'spatial.position_embeddings',
    ),
    temporalPositions: table('temporal.position_embeddings'),
  });
  const pixels = isScenic
    ? moved(shape, values, [0, 4, 1, 2, 3])
    : moved(shape, values, [0, 2, 1, 3, 4]);
  const graph = vivit(config, { pooler: tensors.has('pooler.dense.weight') });
  const outputs = await run(graph, tensors, { ...inputs, pixels }, sizes);
  const names = { logits: 'logits', last_hidden_state: 'hidden', pooler_output: 'pooled' };
  const comparisons = Object.entries(names)
    .filter(([name]) => io.has(`output.${name}`))
    .map(([name, ours]) => {
      const full = `output.${name}`;
      return compare(notes, full, outputs.get(ours) ?? [], tensorOf(io, full));
    });
  return worstOf(comparisons);
}

function doubles(
  tensors: ReadonlyMap<
    string,
    { readonly shape: readonly number[]; readonly values: Float32Array }
  >,
): ReadonlyMap<string, FixtureTensor> {
  const entries = [...tensors].map(
    ([name, { shape, values }]) => [name, { shape, values: Float64Array.from(values) }] as const,
  );
  return new Map(entries);
}

/** A tensor with its axes in another order. */
function moved(shape: readonly number[], values: Float64Array, order: readonly number[]) {
  const stride = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const sizes = order.map((axis) => shape[axis]);
  return values.map((_, i) => {
    let [rest, from] = [i, 0];
    for (let axis = order.length - 1; axis >= 0; axis--) {
      from += (rest % sizes[axis]) * stride[order[axis]];
      rest = Math.floor(rest / sizes[axis]);
    }
    return values[from];
  });
}

const inflations: Readonly<Record<string, KernelInflation>> = {
  central_frame_initializer: 'central',
  average_frame_initializer: 'average',
  average_arp_frame_initializer: 'average-rank-pooling',
};

/** goldens/vivit/initialisers: kernels of 2, 3 and 4 frames, and position tables of other sizes. */
async function checkInitialisers(directory: string): Promise<Closeness> {
  const io = await readSafetensorsFixture(join(directory, 'io.safetensors'));
  const { golden } = JSON.parse(await readFile(join(directory, 'config.json'), 'utf8'));
  const kernel = tensorOf(io, 'kernel_2d').values;
  const { shape, values: table } = tensorOf(io, 'posemb');
  const dim = shape[1];
  const resizes = { tile: tilePositions, resize: resizePositions, resize_1d: resizeTimePositions };
  const comparisons: Comparison[] = [];
  for (const [name, reference] of io) {
    const [, method, frames] = /^(\w+)\.t(\d+)\.kernel_3d$/.exec(name) ?? [];
    const [, way, count] = /^posemb\.(tile|resize|resize_1d)_(\d+)$/.exec(name) ?? [];
    if (method) {
      const got = inflateKernel(kernel, Number(frames), inflations[method]);
      comparisons.push(compare(golden, name, got, reference));
    } else if (way) {
      const got = resizes[way as keyof typeof resizes](table, dim, Number(count));
      comparisons.push(compare(golden, name, got, reference));
    }
  }
  return worstOf(comparisons);
}
