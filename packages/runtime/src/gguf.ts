import { TubeletError } from '@tubelet/graph';
import { type GgufType, ggufTypeOf } from './gguf-types.js';

/** Largest header (metadata and table of tensors) of a GGUF file, in bytes. */
export const maxGgufHeaderBytes = 100_000_000;

/** One tensor as the table of a GGUF file describes it. */
export interface GgufTensor {
  readonly type: GgufType;
  /** Row-major: the file's sizes, slowest first. */
  readonly shape: readonly number[];
  readonly elements: number;
  /** Of its first byte, from the start of the file. */
  readonly offset: number;
  readonly bytes: number;
}

/** A header: tensors and metadata by name. */
export interface GgufHeader {
  readonly tensors: ReadonlyMap<string, GgufTensor>;
  /** Metadata that is text; numbers and arrays are checked and passed over. */
  readonly metadata: ReadonlyMap<string, string>;
}

const ggufMagic = 0x46554747;
const maxDims = 8;
const maxArrayDepth = 4;
/** Sizes of metadata values by their type; 0 for text and arrays. */
const valueBytes = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];
const textType = 8;
const arrayType = 9;
const u32Type = 4;
/** A reshaped tensor's own shape, as converters of diffusion models write it. */
const shapeKey = 'comfy.gguf.orig_shape.';

/** Whether a file begins as GGUF files do. */
export function isGgufFile(start: Uint8Array): boolean {
  return String.fromCharCode(...start.subarray(0, 4)) === 'GGUF';
}

/** Thrown inside where the bytes at hand end before the header does. */
const needsMore = Symbol('needs more');

/**
 * Reads the header of a GGUF file (versions 2 and 3, little-endian) by the format's rules: known value types, text in
 * UTF-8, names that come once, tensors that lie aligned within the file without overlap.
 *
 * @param start the file from its first byte
 * @param fileBytes the size of the whole file
 * @param file names the file in errors
 * @returns undefined where `start` ends before the header does
 * @throws TubeletError BAD_WEIGHT; UNSUPPORTED for another version and for types that cannot be read, by tensor
 */
export function parseGguf(
  start: Uint8Array,
  fileBytes: number,
  file: string,
): GgufHeader | undefined {
  try {
    return readHeader(cursorOf(start, fileBytes, file), fileBytes, file);
  } catch (error) {
    if (error === needsMore) return undefined;
    throw error;
  }
}

type Cursor = ReturnType<typeof cursorOf>;

function cursorOf(start: Uint8Array, fileBytes: number, file: string) {
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  let at = 0;
  const take = (bytes: number, what: string): number => {
    if (bytes > fileBytes - at) {
      refuse(file, what, `within the file's ${fileBytes} bytes`, `${bytes} bytes at ${at}`);
    }
    if (bytes > start.length - at) throw needsMore;
    at += bytes;
    return at - bytes;
  };
  const count = (what: string, most: number): number => {
    const value = view.getBigUint64(take(8, what), true);
    if (value > BigInt(most)) refuse(file, what, `at most ${most}`, value);
    return Number(value);
  };
  return {
    get position() {
      return at;
    },
    take,
    count,
    u32: (what: string) => view.getUint32(take(4, what), true),
    i32At: (offset: number) => view.getInt32(offset, true),
    text(what: string, most: number): string {
      const length = count(`length of ${what}`, Math.min(most, fileBytes));
      const begin = take(length, what);
      try {
        return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
          start.subarray(begin, begin + length),
        );
      } catch {
        return refuse(file, what, 'UTF-8', 'other bytes');
      }
    },
  };
}

function readHeader(cursor: Cursor, fileBytes: number, file: string): GgufHeader {
  const magic = cursor.u32('magic');
  if (magic !== ggufMagic) refuse(file, 'magic', 'GGUF', `0x${magic.toString(16)}`);
  const version = cursor.u32('version');
  if (version !== 2 && version !== 3) unsupported(file, 'version', '2 or 3', version);
  // Each takes more than 8 bytes of the file.
  const most = Math.floor(fileBytes / 8);
  const tensorCount = cursor.count('number of tensors', most);
  const valueCount = cursor.count('number of metadata values', most);
  const { metadata, alignment, shapes } = readMetadata(cursor, valueCount, file);
  const entries = new Map<string, TensorEntry>();
  for (let i = 0; i < tensorCount; i++) {
    const name = cursor.text('name of a tensor', 4096);
    if (entries.has(name)) refuse(file, 'names', 'different', `${quote(name)} twice`);
    entries.set(name, readEntry(cursor, name, fileBytes, file));
  }
  requireTypes(entries, file);
  const dataStart = Math.ceil(cursor.position / alignment) * alignment;
  const tensors = new Map<string, GgufTensor>();
  for (const [name, entry] of entries) {
    tensors.set(name, placed(name, entry, shapes.get(name), dataStart, alignment, file));
  }
  checkPlaces(tensors, fileBytes, file);
  return { tensors, metadata };
}

function readMetadata(cursor: Cursor, count: number, file: string) {
  const metadata = new Map<string, string>();
  const shapes = new Map<string, readonly number[]>();
  const keys = new Set<string>();
  let alignment = 32;
  for (let i = 0; i < count; i++) {
    const key = cursor.text('key of metadata', 65_536);
    if (keys.has(key)) refuse(file, 'keys', 'different', `${quote(key)} twice`);
    keys.add(key);
    const type = cursor.u32(`type of ${quote(key)}`);
    const begin = cursor.position;
    if (type === textType) {
      metadata.set(key, cursor.text(quote(key), maxGgufHeaderBytes));
      continue;
    }
    const length = skipValue(cursor, type, key, file, 0);
    if (key === 'general.alignment') {
      if (type !== u32Type) refuse(file, quote(key), 'a 32-bit number', `type ${type}`);
      alignment = cursor.i32At(begin);
      const isPower = alignment >= 8 && alignment <= 65_536 && (alignment & (alignment - 1)) === 0;
      if (!isPower) refuse(file, quote(key), 'a power of two from 8 to 65536', alignment);
    }
    if (key.startsWith(shapeKey) && length !== undefined && length <= maxDims) {
      const end = cursor.position;
      const sizes = Array.from({ length }, (_, axis) => cursor.i32At(end - 4 * (length - axis)));
      if (end - begin === 12 + 4 * length) shapes.set(key.slice(shapeKey.length), sizes);
    }
  }
  return { metadata, alignment, shapes };
}

/** @returns the length of an array */
function skipValue(
  cursor: Cursor,
  type: number,
  key: string,
  file: string,
  depth: number,
): number | undefined {
  const what = quote(key);
  if (!(type < valueBytes.length)) refuse(file, `type of ${what}`, '0 to 12', type);
  if (type === textType) cursor.text(what, maxGgufHeaderBytes);
  else if (type !== arrayType) cursor.take(valueBytes[type], what);
  else {
    if (depth === maxArrayDepth)
      refuse(file, `arrays of ${what}`, `${maxArrayDepth} deep`, 'deeper');
    const itemType = cursor.u32(`type of ${what}`);
    const length = cursor.count(`length of ${what}`, maxGgufHeaderBytes);
    const size = valueBytes[itemType];
    if (size === undefined) refuse(file, `type of ${what}`, '0 to 12', itemType);
    if (size > 0) cursor.take(size * length, what);
    else for (let i = 0; i < length; i++) skipValue(cursor, itemType, key, file, depth + 1);
    return length;
  }
  return undefined;
}

interface TensorEntry {
  readonly shape: readonly number[];
  readonly elements: number;
  readonly typeNumber: number;
  /** From the start of the data. */
  readonly offset: number;
}

function readEntry(cursor: Cursor, name: string, fileBytes: number, file: string): TensorEntry {
  const dims = cursor.u32(`dimensions of ${quote(name)}`);
  if (dims > maxDims) refuse(file, `dimensions of ${quote(name)}`, `at most ${maxDims}`, dims);
  const shape: number[] = [];
  let elements = 1;
  for (let i = 0; i < dims; i++) {
    const size = cursor.count(`size of ${quote(name)}`, 2 ** 46);
    shape.unshift(size);
    elements *= size;
    if (elements > 2 ** 46) refuse(file, `elements of ${quote(name)}`, 'at most 2^46', elements);
  }
  const typeNumber = cursor.u32(`type of ${quote(name)}`);
  const offset = cursor.count(`offset of ${quote(name)}`, fileBytes);
  return { shape, elements, typeNumber, offset };
}

function requireTypes(entries: ReadonlyMap<string, TensorEntry>, file: string): void {
  const unknown = [...entries].filter(([, { typeNumber }]) => !ggufTypeOf(typeNumber));
  if (unknown.length === 0) return;
  const shown = unknown
    .slice(0, 10)
    .map(([name, { typeNumber }]) => `${quote(name)} ${typeNumber}`);
  const more = unknown.length > 10 ? ` and ${unknown.length - 10} more` : '';
  const expected = 'F32, F16, BF16, F64, I8, I16, I32, I64, Q4_0, Q8_0, Q4_K, Q5_K or Q6_K';
  unsupported(file, 'types of tensors', expected, `the type numbers ${shown.join(', ')}${more}`);
}

function placed(
  name: string,
  { shape, elements, typeNumber, offset }: TensorEntry,
  ownShape: readonly number[] | undefined,
  dataStart: number,
  alignment: number,
  file: string,
): GgufTensor {
  const type = ggufTypeOf(typeNumber)!;
  const row = shape.at(-1) ?? 1;
  if (row % type.blockElements !== 0) {
    const expected = `a multiple of ${type.blockElements} for ${type.name}`;
    refuse(file, `row of ${quote(name)}`, expected, row);
  }
  if (offset % alignment !== 0) {
    refuse(file, `offset of ${quote(name)}`, `a multiple of ${alignment}`, offset);
  }
  const own = ownShape?.every((size) => size >= 0)
    ? ownShape.reduce((product, size) => product * size, 1)
    : undefined;
  if (own !== undefined && own !== elements) {
    refuse(file, `${shapeKey}${name}`, `a shape of ${elements} elements`, own);
  }
  const bytes = (elements / type.blockElements) * type.blockBytes;
  const seen = own === undefined ? shape : ownShape!;
  return { type, shape: seen, elements, offset: dataStart + offset, bytes };
}

function checkPlaces(
  tensors: ReadonlyMap<string, GgufTensor>,
  fileBytes: number,
  file: string,
): void {
  let end = 0;
  for (const [name, { offset, bytes }] of [...tensors].sort(
    ([, a], [, b]) => a.offset - b.offset,
  )) {
    if (bytes > 0 && offset < end) {
      refuse(
        file,
        `start of ${quote(name)}`,
        `${end}, where the one before ends, or later`,
        offset,
      );
    }
    end = Math.max(end, offset + bytes);
    if (end > fileBytes) {
      refuse(file, `end of ${quote(name)}`, `within the file's ${fileBytes} bytes`, end);
    }
  }
}

function quote(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);
}

function unsupported(file: string, what: string, expected: string, got: string | number): never {
  const message = `${what} in ${file} must be = ${expected}, got ${got}`;
  throw new TubeletError('UNSUPPORTED', 'gguf', message);
}

function refuse(
  file: string,
  what: string,
  expected: string,
  got: string | number | bigint,
): never {
  const message = `${what} in ${file} must be = ${expected}, got ${got}`;
  throw new TubeletError('BAD_WEIGHT', 'gguf', message);
}
