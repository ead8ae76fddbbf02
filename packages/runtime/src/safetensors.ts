import { TubeletError } from '@tubelet/graph';
import { duplicateKey } from './duplicate-key.js';
import { isStoredDType, type StoredDType, storedBits } from './stored-dtype.js';

/** Largest header of a safetensors file, in bytes. */
export const maxHeaderBytes = 100_000_000;

/** One tensor as the header describes it. */
export interface SafetensorsEntry {
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  /** Number of values. */
  readonly elements: number;
  /** Of its first byte, from the start of the file. */
  readonly offset: number;
  readonly bytes: number;
}

/** A header: tensors and metadata by name. */
export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, SafetensorsEntry>;
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * The length of the header, from the first 8 bytes of a file.
 *
 * @param file names the file in errors
 * @throws TubeletError BAD_WEIGHT
 */
export function safetensorsHeaderBytes(start: Uint8Array, fileBytes: number, file: string): number {
  if (start.length < 8) refuse(file, 'size', 'at least 8 bytes', start.length);
  const view = new DataView(start.buffer, start.byteOffset, 8);
  const length = view.getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes)) {
    refuse(file, 'header length', `at most ${maxHeaderBytes} bytes`, length);
  }
  if (length > BigInt(fileBytes - 8)) {
    refuse(file, 'header', `within the file's ${fileBytes} bytes`, `${length} bytes after 8`);
  }
  return Number(length);
}

/**
 * Reads the header of a safetensors file by the format's rules: a JSON object without duplicate keys;
 * known data types; sizes that are whole numbers; tensors that cover the data after the header
 * exactly, one after another, without overlap or hole.
 *
 * @param start the file from its first byte to at least the end of its header
 * @param fileBytes the size of the whole file
 * @param file names the file in errors
 * @throws TubeletError BAD_WEIGHT
 */
export function parseSafetensors(
  start: Uint8Array,
  fileBytes: number,
  file: string,
): SafetensorsHeader {
  const headerBytes = safetensorsHeaderBytes(start, fileBytes, file);
  const header = parseObject(start.subarray(8, 8 + headerBytes), file);
  const dataStart = 8 + headerBytes;
  const tensors = new Map<string, SafetensorsEntry>();
  let metadata: ReadonlyMap<string, string> = new Map();
  for (const [name, value] of header) {
    if (name === '__metadata__') metadata = parseMetadata(value, file);
    else tensors.set(name, parseEntry(name, value, dataStart, file));
  }
  checkCover(tensors, dataStart, fileBytes, file);
  return { tensors, metadata };
}

function parseObject(bytes: Uint8Array, file: string): [string, unknown][] {
  if (bytes[0] !== 0x7b) refuse(file, 'header', 'a JSON object that starts with {', 'another byte');
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    header = JSON.parse(text);
  } catch (cause) {
    return refuse(file, 'header', 'a JSON object in UTF-8', 'another text', cause);
  }
  const twice = duplicateKey(text);
  if (twice !== undefined) refuse(file, 'header', 'without duplicate keys', quote(twice));
  return Object.entries(header as object);
}

function parseMetadata(value: unknown, file: string): ReadonlyMap<string, string> {
  if (value === null) return new Map();
  const entries = isObject(value) ? Object.entries(value) : undefined;
  if (!entries?.every((entry): entry is [string, string] => typeof entry[1] === 'string')) {
    return refuse(file, '__metadata__', 'an object of strings', describe(value));
  }
  return new Map(entries);
}

function parseEntry(
  name: string,
  value: unknown,
  dataStart: number,
  file: string,
): SafetensorsEntry {
  const what = (field: string) => `${field} of ${quote(name)}`;
  if (!isObject(value)) refuse(file, quote(name), 'an object', describe(value));
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string' || !isStoredDType(dtype)) {
    return refuse(
      file,
      what('dtype'),
      `one of ${Object.keys(storedBits).join(', ')}`,
      describe(dtype),
    );
  }
  if (!isSizes(shape)) {
    return refuse(file, what('shape'), 'an array of whole numbers from 0', describe(shape));
  }
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
    return refuse(file, what('data_offsets'), '[start, end] with start <= end', describe(offsets));
  }
  const bytes = offsets[1] - offsets[0];
  const elements = elementsOf(shape);
  const expected = (elements * storedBits[dtype]) / 8;
  if (bytes !== expected) {
    refuse(file, what('bytes'), `${expected} for ${dtype} ${describe(shape)}`, bytes);
  }
  return { dtype, shape, elements, offset: dataStart + offsets[0], bytes };
}

function checkCover(
  tensors: ReadonlyMap<string, SafetensorsEntry>,
  dataStart: number,
  fileBytes: number,
  file: string,
): void {
  const inOrder = [...tensors].sort(([, a], [, b]) => a.offset - b.offset || a.bytes - b.bytes);
  let end = dataStart;
  for (const [name, { offset, bytes }] of inOrder) {
    if (offset !== end) {
      const fault = offset < end ? 'an overlap' : 'a hole';
      const got = `${fault}: ${offset - dataStart}`;
      refuse(file, `start of ${quote(name)}`, `${end - dataStart}, where the one before ends`, got);
    }
    end = offset + bytes;
  }
  if (end !== fileBytes) {
    const got = `${fileBytes - dataStart} bytes of data`;
    refuse(file, 'tensors', `all of the file: ${end - dataStart} bytes`, got);
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

/** Infinity once a product is beyond what any file holds, whatever follows. */
function elementsOf(shape: readonly number[]): number {
  let elements = 1;
  for (const size of shape) {
    elements *= size;
    if (elements > 2 ** 46) return Number.POSITIVE_INFINITY;
  }
  return elements;
}

function quote(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);
}

function describe(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function refuse(
  file: string,
  what: string,
  expected: string,
  got: string | number | bigint,
  cause?: unknown,
): never {
  throw new TubeletError(
    'BAD_WEIGHT',
    'safetensors',
    `${what} in ${file} must be = ${expected}, got ${got}`,
    cause === undefined ? undefined : { cause },
  );
}
