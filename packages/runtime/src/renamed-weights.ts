import { TubeletError } from '@tubelet/graph';
import { perDevice } from './per-device.js';
import { listNames, type StoredTensor, type WeightStore, type Weights } from './weights.js';

/** Rows of a tensor, under its new name. */
export interface RenamedPart {
  readonly name: string;
  readonly rows: number;
  /** Where they begin in it; 0 by default. */
  readonly at?: number;
}

/**
 * Weights under other names. A tensor may become several, by its rows; several parts may become one. Names that are not told of
 * stay.
 *
 * @throws TubeletError BAD_WEIGHT for tensors that have other rows than their parts, by name
 */
export function renamedWeights(
  weights: Weights,
  names: ReadonlyMap<string, readonly RenamedPart[]>,
): Weights {
  const tensors = new Map<string, StoredTensor>();
  const pieces = new Map<string, { readonly at: number; readonly tensor: StoredTensor }[]>();
  const misshapen: string[] = [];
  for (const tensor of weights.tensors.values()) {
    const parts = names.get(tensor.name);
    if (!parts) {
      tensors.set(tensor.name, tensor);
      continue;
    }
    const rows = parts.reduce((sum, part) => sum + part.rows, 0);
    if ((tensor.shape[0] ?? 1) !== rows) {
      misshapen.push(`${tensor.name} [${tensor.shape.join(', ')}] instead of ${rows} rows`);
      continue;
    }
    let first = 0;
    for (const { name, rows, at = 0 } of parts) {
      const list = pieces.get(name) ?? [];
      pieces.set(name, [...list, { at, tensor: rowsOf(tensor, first, rows, name) }]);
      first += rows;
    }
  }
  if (misshapen.length > 0) {
    const got = `${misshapen.length} misshapen: ${listNames(misshapen)}`;
    const message = `tensors of ${weights.name} must be = those of its model, got ${got}`;
    throw new TubeletError('BAD_WEIGHT', 'weights', message);
  }
  for (const [name, list] of pieces) {
    const inOrder = list.toSorted((a, b) => a.at - b.at).map(({ tensor }) => tensor);
    tensors.set(name, inOrder.length === 1 ? inOrder[0] : joinedTensor(name, inOrder));
  }
  return { ...weights, tensors };
}

function rowsOf(tensor: StoredTensor, first: number, rows: number, name: string): StoredTensor {
  const { shape, elements, bytes, offset } = tensor;
  const count = shape[0] ?? 1;
  if (count === rows) return { ...tensor, name };
  return {
    ...tensor,
    name,
    shape: [rows, ...shape.slice(1)],
    elements: (elements / count) * rows,
    offset: offset + (bytes / count) * first,
    bytes: (bytes / count) * rows,
  };
}

/** Tensors of one data type, one after another along their rows, in memory of their own on a device. */
function joinedTensor(name: string, parts: readonly StoredTensor[]): StoredTensor {
  const sum = (of: (part: StoredTensor) => number) =>
    parts.reduce((total, part) => total + of(part), 0);
  const [first] = parts;
  const bytes = sum((part) => part.bytes);
  const store: WeightStore = {
    name: first.store.name,
    bytes,
    async read(offset, count) {
      const whole = new Uint8Array(bytes);
      let at = 0;
      for (const part of parts) {
        whole.set(await part.store.read(part.offset, part.bytes), at);
        at += part.bytes;
      }
      return whole.slice(offset, offset + count);
    },
    bufferOn: perDevice(async (device) => {
      const buffer = device.allocate(bytes);
      await buffer.write(await store.read(0, bytes));
      return buffer;
    }),
  };
  const shape = [sum((part) => part.shape[0]), ...first.shape.slice(1)];
  const elements = sum((part) => part.elements);
  return { name, dtype: first.dtype, shape, elements, store, offset: 0, bytes };
}
