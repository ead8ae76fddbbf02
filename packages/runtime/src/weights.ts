import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { TubeletError } from '@tubelet/graph';
import type { Buffer, Device } from '@tubelet/native';
import { expandedTensor, float8Expansions } from './expanded-tensor.js';
import { type GgufHeader, isGgufFile, maxGgufHeaderBytes, parseGguf } from './gguf.js';
import { perDevice } from './per-device.js';
import { parseSafetensors, safetensorsHeaderBytes } from './safetensors.js';
import { withScales } from './scaled-tensors.js';
import { type StoredDType, toFloat32 } from './stored-dtype.js';
import { readTorchFile } from './torch-file.js';
import { isTorchFile, listWeightFiles } from './weight-files.js';

/** Where bytes of tensors are: a file, or memory. */
export interface WeightStore {
  /** For people: the file's path, or what the memory is. */
  readonly name: string;
  readonly bytes: number;
  read(offset: number, bytes: number): Promise<Uint8Array<ArrayBuffer>>;
  /** All its bytes on a device, the same buffer every time: a file is mapped, memory is copied. */
  bufferOn(device: Device): Promise<Buffer>;
}

/** A tensor as it is stored. */
export interface StoredTensor {
  readonly name: string;
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  /** Number of values. */
  readonly elements: number;
  readonly store: WeightStore;
  /** Bytes from the start of its store. */
  readonly offset: number;
  readonly bytes: number;
}

/**
 * Tensors by name. Nothing but the headers is read until a plan is compiled from them; a device keeps
 * the files mapped until it is disposed or the weights are collected.
 */
export interface Weights {
  /** For people: where they come from. */
  readonly name: string;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** What the files' `__metadata__` say. */
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * Opens safetensors files, GGUF files, or files that torch.save wrote (`.pt`, `.pth`, `.bin`, `.ckpt`: read as data, nothing in
 * them is executed). Float8 values are seen as bfloat16, quantised ones of GGUF (Q4_0, Q8_0, Q4_K, Q5_K, Q6_K) as float32: a
 * device that uses them holds 2 and 4 bytes a value beside the packed weights.
 *
 * @param paths one of: a file; a sharded `*.index.json`; a folder with one of these; several files
 * @throws TubeletError IO for a file that cannot be read, BAD_WEIGHT for one that breaks the format's
 * rules, for missing shards and for a name that two files give
 */
export async function openWeights(paths: string | readonly string[]): Promise<Weights> {
  const files = await listWeightFiles(paths);
  const tensors = new Map<string, StoredTensor>();
  const metadata = new Map<string, string>();
  for (const { path, names } of files) {
    const opened = await openFile(path);
    const missing = [...(names ?? [])].filter((name) => !opened.tensors.has(name));
    if (missing.length > 0) {
      throw new TubeletError(
        'BAD_WEIGHT',
        'weights',
        `${path} must be = the shard its index says, got none of ${listNames(missing)}`,
      );
    }
    for (const [key, value] of opened.metadata) metadata.set(key, value);
    for (const [name, tensor] of opened.tensors) {
      if (names && !names.has(name)) continue;
      const known = tensors.get(name);
      if (known) {
        const both = `${known.store.name} and ${path}`;
        const message = `tensor "${name}" must be = in one file, got ${both}`;
        throw new TubeletError('BAD_WEIGHT', 'weights', message);
      }
      tensors.set(name, tensor);
    }
  }
  return { name: typeof paths === 'string' ? paths : paths.join(', '), tensors, metadata };
}

/**
 * The tensors whose names begin with a prefix, under the rest of their names: `ema.` of a training run's checkpoint, the one
 * network of a file of several.
 */
export function weightsUnder(weights: Weights, prefix: string): Weights {
  const under = [...weights.tensors.values()]
    .filter(({ name }) => name.startsWith(prefix))
    .map((tensor) => ({ ...tensor, name: tensor.name.slice(prefix.length) }));
  return { ...weights, tensors: new Map(under.map((tensor) => [tensor.name, tensor])) };
}

/** A tensor in memory, as {@link weightsOf} takes it. */
export interface TensorData {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Weights from values in memory: for tests, benchmarks and converted checkpoints. */
export function weightsOf(tensors: Readonly<Record<string, TensorData>>): Weights {
  const stored = Object.entries(tensors).map(([name, { shape, data }]): StoredTensor => {
    const elements = shape.reduce((product, size) => product * size, 1);
    if (elements !== data.length) {
      const message = `data of "${name}" must be = ${elements} values, got ${data.length}`;
      throw new TubeletError('BAD_WEIGHT', 'weights', message);
    }
    const store = memoryStore(name, data);
    return { name, dtype: 'F32', shape, elements, store, offset: 0, bytes: data.byteLength };
  });
  return {
    name: 'memory',
    tensors: new Map(stored.map((tensor) => [tensor.name, tensor])),
    metadata: new Map(),
  };
}

/**
 * Reads one tensor's bytes as they are stored.
 *
 * @throws TubeletError BAD_WEIGHT when there is none of this name
 */
export async function readStored(weights: Weights, name: string): Promise<Uint8Array> {
  const { store, offset, bytes } = storedTensor(weights, name);
  return store.read(offset, bytes);
}

/** Reads one tensor's values as float32, whatever it is stored in; integers and F64 are rounded. */
export async function readValues(weights: Weights, name: string): Promise<Float32Array> {
  return readTensor(storedTensor(weights, name));
}

/** {@link readValues} of a tensor at hand. */
export async function readTensor(tensor: StoredTensor): Promise<Float32Array> {
  const { name, dtype, store, offset, bytes } = tensor;
  const values = toFloat32(dtype, await store.read(offset, bytes));
  if (values) return values;
  const message = `dtype of "${name}" in ${store.name} must be = one with values, got ${dtype}`;
  throw new TubeletError('UNSUPPORTED', 'weights', message);
}

/** `a, b, c`: the first ten names, and how many more there are. */
export function listNames(names: readonly string[]): string {
  const shown = names.slice(0, 10).join(', ');
  return names.length > 10 ? `${shown} and ${names.length - 10} more` : shown;
}

function storedTensor(weights: Weights, name: string): StoredTensor {
  const tensor = weights.tensors.get(name);
  if (tensor) return tensor;
  const message = `tensor must be = one of ${weights.name}, got "${name}"`;
  throw new TubeletError('BAD_WEIGHT', 'weights', message);
}

async function openFile(path: string): Promise<Weights> {
  const store = await fileStore(path);
  const file = basename(path);
  if (isTorchFile(path)) {
    const found = await readTorchFile(store.read, store.bytes, file);
    const stored = [...found].map(([name, entry]) => [name, { name, ...entry, store }] as const);
    return { name: path, tensors: new Map(stored), metadata: new Map() };
  }
  const start = await store.read(0, Math.min(8, store.bytes));
  if (isGgufFile(start)) return openGguf(path, store, file);
  const headerBytes = safetensorsHeaderBytes(start, store.bytes, file);
  const header = parseSafetensors(await store.read(0, 8 + headerBytes), store.bytes, file);
  const stored = [...header.tensors].map(([name, entry]) => {
    const tensor = { name, ...entry, store };
    const expansion = float8Expansions[entry.dtype];
    return [name, expansion ? expandedTensor(tensor, expansion) : tensor] as const;
  });
  const tensors = withScales(header.tensors, new Map(stored));
  return { name: path, tensors, metadata: header.metadata };
}

async function openGguf(path: string, store: WeightStore, file: string): Promise<Weights> {
  const most = Math.min(store.bytes, maxGgufHeaderBytes);
  let header: GgufHeader | undefined;
  for (let window = Math.min(most, 1 << 20); !header; window = Math.min(most, 4 * window)) {
    header = parseGguf(await store.read(0, window), store.bytes, file);
    if (header || window < most) continue;
    const message = `header of ${file} must be = at most ${most} bytes, got more`;
    throw new TubeletError('BAD_WEIGHT', 'gguf', message);
  }
  const stored = [...header.tensors].map(([name, { type, ...place }]): [string, StoredTensor] => {
    const tensor = { name, ...place, store };
    const { dtype, decode, blockElements, blockBytes } = type;
    if (!decode) return [name, { ...tensor, dtype: dtype! }];
    const expand = (bytes: Uint8Array) => new Uint8Array(decode(bytes).buffer as ArrayBuffer);
    const expansion = { dtype: 'F32', blockElements, blockBytes, expand } as const;
    return [name, expandedTensor(tensor, expansion)];
  });
  return { name: path, tensors: new Map(stored), metadata: header.metadata };
}

async function fileStore(path: string): Promise<WeightStore> {
  const bytes = await withFile(path, async (file) => {
    const status = await file.stat();
    if (!status.isFile()) throw new Error('not a file');
    return status.size;
  });
  return {
    name: path,
    bytes,
    read: (offset, count) =>
      withFile(path, async (file) => {
        const target = new Uint8Array(count);
        for (let at = 0; at < count; ) {
          const { bytesRead } = await file.read(target, at, count - at, offset + at);
          if (bytesRead === 0) throw new Error(`it ends after ${offset + at} bytes`);
          at += bytesRead;
        }
        return target;
      }),
    bufferOn: perDevice(async (device) => {
      const buffer = device.map(path);
      if (buffer.bytes === bytes) return buffer;
      const got = buffer.bytes;
      buffer.dispose();
      const message = `${path} must be = ${bytes} bytes, as when it was opened, got ${got}`;
      throw new TubeletError('IO', 'weights', message);
    }),
  };
}

function memoryStore(name: string, data: ArrayBufferView): WeightStore {
  const content = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return {
    name: `memory of "${name}"`,
    bytes: content.length,
    read: async (offset, count) => content.slice(offset, offset + count),
    bufferOn: perDevice(async (device) => {
      const buffer = device.allocate(content.length);
      await buffer.write(content);
      return buffer;
    }),
  };
}

async function withFile<T>(
  path: string,
  use: (file: Awaited<ReturnType<typeof open>>) => Promise<T>,
): Promise<T> {
  try {
    const file = await open(path);
    try {
      return await use(file);
    } finally {
      await file.close();
    }
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new TubeletError('IO', 'weights', `${path} must be = readable, got ${got}`, { cause });
  }
}
