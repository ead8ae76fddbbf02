import { TubeletError } from '@tubelet/graph';
import { type PickleTensor, type PickleValue, readPickle } from './pickle.js';
import { type StoredDType, storedBits } from './stored-dtype.js';
import { listZip, type ReadPart, zipDataOffset } from './zip-entries.js';

/** One tensor of a file that torch.save wrote. */
export interface TorchTensor {
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  readonly elements: number;
  /** Of its first byte, from the start of the file. */
  readonly offset: number;
  readonly bytes: number;
}

const maxPickleBytes = 100_000_000;
const maxDepth = 32;
const maxValues = 1_000_000;

/**
 * Finds the tensors of a `.pt` file (torch.save since PyTorch 1.6: a zip of one pickle and the bytes of each storage).
 * Nothing is executed, see {@link readPickle}. Dicts may be nested: names are joined by dots, `ema.blocks.0.attn.qkv.weight`.
 * Values other than tensors are passed over.
 *
 * @param file names the file in errors
 * @throws TubeletError UNSUPPORTED for the form before 1.6, for compressed entries, and for what is no plain tensor, by name;
 * BAD_WEIGHT for a broken file and for tensors that are not row-major
 */
export async function readTorchFile(
  read: ReadPart,
  fileBytes: number,
  file: string,
): Promise<ReadonlyMap<string, TorchTensor>> {
  await requireZip(read, fileBytes, file);
  const entries = await listZip(read, fileBytes, file);
  const pickles = [...entries.keys()].filter((name) => /^([^/]+\/)?data\.pkl$/.test(name));
  const [pickle] = pickles;
  if (pickle === undefined || pickles.length > 1)
    return refuse('BAD_WEIGHT', file, 'pickles data.pkl', 'one', pickles.length);
  const folder = pickle.slice(0, -'data.pkl'.length);
  const offsetOf = async (name: string, bytes: number, most = bytes) => {
    const entry = entries.get(folder + name);
    if (!entry) return refuse('BAD_WEIGHT', file, name, 'there', 'no such entry');
    if (entry.bytes < bytes || entry.bytes > most)
      refuse('BAD_WEIGHT', file, `bytes of ${name}`, bytes || `at most ${most}`, entry.bytes);
    return { offset: await zipDataOffset(read, entry, fileBytes, file), bytes: entry.bytes };
  };
  const content = async (name: string, most: number) => {
    const { offset, bytes } = await offsetOf(name, 0, most);
    return read(offset, bytes);
  };
  if (entries.has(`${folder}byteorder`)) {
    const order = new TextDecoder().decode(await content('byteorder', 16));
    if (order !== 'little') refuse('UNSUPPORTED', file, 'byte order', 'little', order);
  }
  const tensors = namedTensors(readPickle(await content('data.pkl', maxPickleBytes), file), file);
  const storages = new Map<string, { readonly bytes: number; readonly offset: number }>();
  const found = new Map<string, TorchTensor>();
  for (const [name, tensor] of tensors) {
    const { dtype, key, elements } = tensor.storage;
    const bytes = (elements * storedBits[dtype]) / 8;
    const known = storages.get(key) ?? (await offsetOf(`data/${key}`, bytes));
    if (known.bytes !== bytes)
      refuse('BAD_WEIGHT', file, `storage ${key}`, `of one size, ${known.bytes} bytes`, bytes);
    storages.set(key, known);
    found.set(name, placed(name, tensor, known.offset, file));
  }
  return found;
}

async function requireZip(read: ReadPart, fileBytes: number, file: string): Promise<void> {
  const start = await read(0, Math.min(4, fileBytes));
  const text = String.fromCharCode(...start);
  if (text === 'PK\u0003\u0004') return;
  const expected = 'a zip as torch.save writes it since PyTorch 1.6';
  const isPickle = start[0] === 0x80;
  const got = isPickle ? 'the older form: load it and save it again with PyTorch' : 'another file';
  refuse(isPickle ? 'UNSUPPORTED' : 'BAD_WEIGHT', file, 'file', expected, got);
}

/** Tensors by the keys that lead to them. */
function namedTensors(root: PickleValue, file: string): ReadonlyMap<string, PickleTensor> {
  const tensors = new Map<string, PickleTensor>();
  let values = 0;
  const visit = (value: PickleValue, path: readonly string[]): void => {
    // A pickle can refer to a value many times, and to one around it.
    if (path.length > maxDepth) refuse('BAD_WEIGHT', file, 'dicts', `${maxDepth} deep`, 'deeper');
    if (++values > maxValues) refuse('BAD_WEIGHT', file, 'values', `at most ${maxValues}`, 'more');
    if (typeof value !== 'object' || value === null) return;
    if (value.kind === 'dict') for (const [key, item] of value.entries) visit(item, [...path, key]);
    else if (value.kind === 'list' || value.kind === 'tuple')
      for (const [i, item] of value.items.entries()) visit(item, [...path, String(i)]);
    else if (value.kind === 'tensor') {
      const name = path.join('.');
      if (tensors.has(name)) refuse('BAD_WEIGHT', file, 'names', 'different', `${name} twice`);
      tensors.set(name, value);
    }
  };
  const isDict = typeof root === 'object' && root?.kind === 'dict';
  if (!isDict) refuse('BAD_WEIGHT', file, 'content', 'a dict of tensors', 'another value');
  visit(root, []);
  return tensors;
}

function placed(
  name: string,
  { storage, offset, shape, stride }: PickleTensor,
  storageOffset: number,
  file: string,
): TorchTensor {
  const elements = shape.includes(0) ? 0 : shape.reduce((product, size) => product * size, 1);
  if (!isRowMajor(shape, stride))
    refuse('BAD_WEIGHT', file, `strides of ${name}`, 'row-major', `[${stride.join(', ')}]`);
  if (offset + elements > storage.elements)
    refuse('BAD_WEIGHT', file, name, `within ${storage.elements} values`, offset + elements);
  const size = storedBits[storage.dtype] / 8;
  return {
    dtype: storage.dtype,
    shape,
    elements,
    offset: storageOffset + offset * size,
    bytes: elements * size,
  };
}

/** Axes of size 1 may have any stride, and a tensor without elements has no order. */
function isRowMajor(shape: readonly number[], stride: readonly number[]): boolean {
  if (stride.length !== shape.length) return false;
  if (shape.includes(0)) return true;
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && stride[axis] !== expected) return false;
    expected *= shape[axis];
  }
  return true;
}

function refuse(
  code: 'BAD_WEIGHT' | 'UNSUPPORTED',
  file: string,
  what: string,
  expected: string | number,
  got: string | number,
): never {
  throw new TubeletError(
    code,
    'torch-file',
    `${what} in ${file} must be = ${expected}, got ${got}`,
  );
}
