import { type Graph, graph, linear } from '@tubelet/graph';
import type { Buffer, Device } from '@tubelet/native';
import { compile } from './compile.js';
import { computedStore } from './expanded-tensor.js';
import { perDeviceInTurn } from './per-device.js';
import { toFloat32 } from './stored-dtype.js';
import { upload } from './transfer.js';
import {
  readTensor,
  type StoredTensor,
  type WeightStore,
  type Weights,
  weightsOf,
} from './weights.js';

/** What is added to rows of a tensor: scale · up · down; with magnitudes these rows are then scaled to them (DoRA, Liu et al. 2024). */
export interface LowRankUpdate {
  /** [rows, rank, 1, …] */
  readonly up: StoredTensor;
  /** [rank, …], the rest as many values as a row of the tensor. */
  readonly down: StoredTensor;
  readonly scale: number;
  /** The length that each row of `up` gives its row of the tensor. */
  readonly magnitude?: StoredTensor;
  /** The first row of `up` that is used, and the first of the tensor that it is added to. */
  readonly from: number;
  readonly at: number;
  readonly rows: number;
}

/** Values merged at once. */
const chunkElements = 1 << 22;

/**
 * Weights of which some have updates of low rank added (LoRA, Hu et al. 2021). The others stay as they are, mapped files among
 * them; a changed tensor is computed on each device that asks for it, in float32, and stays there beside the packed weights for
 * as long as the weights are in use: 4 bytes a value.
 *
 * @param updates by the tensor's name; shapes are taken to fit
 */
export function mergedWeights(
  weights: Weights,
  updates: ReadonlyMap<string, readonly LowRankUpdate[]>,
): Weights {
  const tensors = new Map(weights.tensors);
  for (const [name, list] of updates) {
    const tensor = tensors.get(name);
    if (tensor) tensors.set(name, mergedTensor(tensor, list));
  }
  return { ...weights, tensors };
}

function mergedTensor(tensor: StoredTensor, updates: readonly LowRankUpdate[]): StoredTensor {
  const { name, shape, elements } = tensor;
  const width = elements / shape[0];
  const bytes = elements * 4;
  const storeName = `${tensor.store.name} with ${updates.length} low-rank updates`;
  const scaled = updates.filter(({ magnitude }) => magnitude);
  const plain = updates.filter(({ magnitude }) => !magnitude);
  const read = async (offset: number, count: number) => {
    const first = Math.floor(offset / 4 / width);
    const rows = Math.ceil((offset + count) / 4 / width) - first;
    const base = await baseRows(tensor, first, rows);
    const values = base.slice();
    addProduct(values, await factorsOf(shape[0], width, plain), width, first);
    for (const update of scaled) {
      const changed = base.slice();
      addProduct(changed, await factorsOf(shape[0], width, [update]), width, first);
      const lengths = await readTensor(update.magnitude!);
      const last = Math.min(first + rows, update.at + update.rows);
      for (let row = Math.max(first, update.at); row < last; row++) {
        const [start, end] = [(row - first) * width, (row - first + 1) * width];
        let squares = 0;
        for (let i = start; i < end; i++) squares += changed[i] ** 2;
        const factor = lengths[update.from + row - update.at] / Math.sqrt(squares);
        for (let i = start; i < end; i++) values[i] += factor * changed[i] - base[i];
      }
    }
    const from = offset - first * width * 4;
    return new Uint8Array(values.buffer).slice(from, from + count);
  };
  const onDevice: WeightStore['bufferOn'] = perDeviceInTurn((device) =>
    mergeOn(device, tensor, updates),
  );
  const store: WeightStore =
    scaled.length > 0
      ? computedStore(storeName, bytes, read)
      : { name: storeName, bytes, read, bufferOn: onDevice };
  return { name, dtype: 'F32', shape, elements, store, offset: 0, bytes };
}

/** Adds up · downᵀ to some rows, of which `first` is the first. */
function addProduct(
  values: Float32Array,
  { up, down, rank }: { up: Float32Array; down: Float32Array; rank: number },
  width: number,
  first: number,
): void {
  for (let i = 0; i < values.length; i++) {
    const [row, k] = [first + Math.floor(i / width), i % width];
    let sum = 0;
    for (let r = 0; r < rank; r++) sum += up[row * rank + r] * down[k * rank + r];
    values[i] += sum;
  }
}

async function mergeOn(
  device: Device,
  tensor: StoredTensor,
  updates: readonly LowRankUpdate[],
): Promise<Buffer> {
  const [count] = tensor.shape;
  const width = tensor.elements / count;
  const { up, down, rank } = await factorsOf(count, width, updates);
  const most = Math.min(count, Math.max(1, Math.floor(chunkElements / width)));
  const factors = weightsOf({ down: { shape: [width, rank], data: down } });
  const merged = device.allocate(tensor.elements * 4);
  const plan = await compile(device, mergeGraph(width, rank), factors, { rows: most });
  try {
    for (let first = 0; first < count; first += most) {
      const rows = Math.min(most, count - first);
      const base = await upload(device, await baseRows(tensor, first, rows));
      const part = await upload(device, up.subarray(first * rank, (first + rows) * rank));
      const y = merged.view(first * width * 4, rows * width * 4);
      await plan.run({ inputs: { base, up: part }, outputs: { y } }, { rows });
      for (const buffer of [base, part, y]) buffer.dispose();
    }
  } catch (error) {
    merged.dispose();
    throw error;
  } finally {
    plan.dispose();
  }
  return merged;
}

/** y = base + up · downᵀ */
function mergeGraph(width: number, rank: number): Graph {
  return graph('weights.merge', (g) => {
    const rows = g.symbol('rows');
    const residual = g.input('base', [rows, width]);
    const up = g.input('up', [rows, rank]);
    g.output('y', linear(up, g.weight('down', [width, rank]), { residual }));
  });
}

async function baseRows(tensor: StoredTensor, first: number, rows: number): Promise<Float32Array> {
  const rowBytes = tensor.bytes / tensor.shape[0];
  const { store, dtype, offset } = tensor;
  return toFloat32(dtype, await store.read(offset + first * rowBytes, rows * rowBytes))!;
}

/** All updates as one of the sum of their ranks, over all rows: up [rows, rank] with the scales in it, down [width, rank]. */
async function factorsOf(count: number, width: number, updates: readonly LowRankUpdate[]) {
  const rank = updates.reduce((sum, { down }) => sum + down.shape[0], 0);
  const up = new Float32Array(count * rank);
  const down = new Float32Array(width * rank);
  let before = 0;
  for (const update of updates) {
    const { from, at, rows, scale } = update;
    const own = update.down.shape[0];
    const [a, b] = [await readTensor(update.down), await readTensor(update.up)];
    for (let r = 0; r < own; r++) {
      for (let k = 0; k < width; k++) down[k * rank + before + r] = a[r * width + k];
      for (let row = 0; row < rows; row++)
        up[(at + row) * rank + before + r] = scale * b[(from + row) * own + r];
    }
    before += own;
  }
  return { up, down, rank };
}
