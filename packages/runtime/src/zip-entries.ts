import { TubeletError } from '@tubelet/graph';

/** A file in a zip archive that is stored as it is, without compression. */
export interface ZipEntry {
  readonly name: string;
  /** Of its local header, from the start of the archive. */
  readonly headerOffset: number;
  readonly bytes: number;
}

/** Reads a part of the archive. */
export type ReadPart = (offset: number, bytes: number) => Promise<Uint8Array<ArrayBuffer>>;

const endBytes = 22;
const longestComment = 65_535;
const locatorBytes = 20;
const end64Bytes = 56;
const entryBytes = 46;
const localHeaderBytes = 30;
const maxDirectoryBytes = 100_000_000;
/** In the place of a number that stands in a zip64 field. */
const elsewhere = 0xffffffff;

/**
 * Lists a zip archive by its central directory (APPNOTE 6.3.10; zip64 too). Nothing is unpacked: an entry that is compressed
 * or encrypted is refused.
 *
 * @param file names the archive in errors
 * @throws TubeletError BAD_WEIGHT
 */
export async function listZip(
  read: ReadPart,
  archiveBytes: number,
  file: string,
): Promise<ReadonlyMap<string, ZipEntry>> {
  const { start, bytes } = await findDirectory(read, archiveBytes, file);
  if (bytes > maxDirectoryBytes)
    refuse(file, 'directory', `at most ${maxDirectoryBytes} bytes`, bytes);
  const view = viewOf(await read(start, bytes));
  const entries = new Map<string, ZipEntry>();
  for (let at = 0; at < bytes; ) {
    if (bytes - at < entryBytes || view.getUint32(at, true) !== 0x02014b50)
      refuse(file, 'directory', 'whole entries', `another at byte ${start + at}`);
    const nameBytes = view.getUint16(at + 28, true);
    const extraBytes = view.getUint16(at + 30, true);
    const next = at + entryBytes + nameBytes + extraBytes + view.getUint16(at + 32, true);
    if (next > bytes) refuse(file, 'directory', 'whole entries', 'a cut one');
    const entry = readEntry(view, at, nameBytes, extraBytes, file);
    if (entries.has(entry.name)) refuse(file, 'names', 'different', `${entry.name} twice`);
    if (entry.headerOffset + localHeaderBytes + entry.bytes > start)
      refuse(file, entry.name, 'before the directory', `${entry.bytes} bytes`);
    entries.set(entry.name, entry);
    at = next;
  }
  return entries;
}

/**
 * Where the bytes of an entry begin, from the start of the archive.
 *
 * @throws TubeletError BAD_WEIGHT
 */
export async function zipDataOffset(
  read: ReadPart,
  { name, headerOffset, bytes }: ZipEntry,
  archiveBytes: number,
  file: string,
): Promise<number> {
  const header = viewOf(await read(headerOffset, localHeaderBytes));
  if (header.getUint32(0, true) !== 0x04034b50)
    refuse(file, name, 'at a local header', `other bytes at ${headerOffset}`);
  const named = header.getUint16(26, true) + header.getUint16(28, true);
  const offset = headerOffset + localHeaderBytes + named;
  if (offset + bytes > archiveBytes) refuse(file, name, 'within the file', `${bytes} bytes`);
  return offset;
}

async function findDirectory(read: ReadPart, archiveBytes: number, file: string) {
  const tailBytes = Math.min(archiveBytes, endBytes + longestComment);
  const tail = viewOf(await read(archiveBytes - tailBytes, tailBytes));
  let end = tailBytes - endBytes;
  while (end >= 0 && !isEnd(tail, end)) end--;
  if (end < 0) refuse(file, 'file', 'a whole zip archive', 'one without an end');
  const at = archiveBytes - tailBytes + end;
  const wide = await findDirectory64(read, at, file);
  const found = wide ?? {
    bytes: tail.getUint32(end + 12, true),
    start: tail.getUint32(end + 16, true),
  };
  if (found.start + found.bytes > at)
    refuse(file, 'directory', 'before its end record', `${found.bytes} bytes at ${found.start}`);
  return found;
}

/** A comment reaches to the end of the file, or it is no end record that was found. */
function isEnd(tail: DataView, at: number): boolean {
  return (
    tail.getUint32(at, true) === 0x06054b50 &&
    at + endBytes + tail.getUint16(at + 20, true) === tail.byteLength
  );
}

async function findDirectory64(read: ReadPart, end: number, file: string) {
  if (end < locatorBytes + end64Bytes) return undefined;
  const locator = viewOf(await read(end - locatorBytes, locatorBytes));
  if (locator.getUint32(0, true) !== 0x07064b50) return undefined;
  const at = wholeNumber(locator, 8, file);
  if (at > end - locatorBytes - end64Bytes)
    refuse(file, 'zip64 end record', 'before its locator', at);
  const record = viewOf(await read(at, end64Bytes));
  if (record.getUint32(0, true) !== 0x06064b50)
    refuse(file, 'zip64 end record', `at byte ${at}`, 'other bytes');
  return { bytes: wholeNumber(record, 40, file), start: wholeNumber(record, 48, file) };
}

function readEntry(
  view: DataView,
  at: number,
  nameBytes: number,
  extraBytes: number,
  file: string,
): ZipEntry {
  const nameAt = view.byteOffset + at + entryBytes;
  const name = new TextDecoder().decode(new Uint8Array(view.buffer, nameAt, nameBytes));
  const method = view.getUint16(at + 10, true);
  const isEncrypted = (view.getUint16(at + 8, true) & 1) === 1;
  if (method !== 0 || isEncrypted)
    refuse(file, name, 'stored', isEncrypted ? 'encrypted' : `compressed by method ${method}`);
  const sizes = [24, 20, 42].map((place) => view.getUint32(at + place, true));
  const wide = wideNumbers(view, at + entryBytes + nameBytes, extraBytes, sizes, name, file);
  const [bytes, packedBytes, headerOffset] = wide as [number, number, number];
  if (bytes !== packedBytes) refuse(file, name, `${bytes} bytes as stored`, packedBytes);
  return { name, headerOffset, bytes };
}

/** The numbers of an entry, those that do not fit 32 bits from its zip64 field, where they stand in the same order. */
function wideNumbers(
  view: DataView,
  extraAt: number,
  extraBytes: number,
  numbers: readonly number[],
  name: string,
  file: string,
): number[] {
  if (!numbers.includes(elsewhere)) return [...numbers];
  for (let at = extraAt; at + 4 <= extraAt + extraBytes; ) {
    const end = at + 4 + view.getUint16(at + 2, true);
    if (view.getUint16(at, true) === 1 && end <= extraAt + extraBytes) {
      let field = at + 4;
      return numbers.map((value) => {
        if (value !== elsewhere) return value;
        if (field + 8 > end) refuse(file, name, 'with all its sizes', 'a cut zip64 field');
        field += 8;
        return wholeNumber(view, field - 8, file);
      });
    }
    at = end;
  }
  return refuse(file, name, 'with a zip64 field', 'none');
}

function wholeNumber(view: DataView, at: number, file: string): number {
  const value = view.getBigUint64(at, true);
  if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
  return refuse(file, 'sizes', 'below 2^53', String(value));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function refuse(file: string, what: string, expected: string, got: string | number): never {
  throw new TubeletError(
    'BAD_WEIGHT',
    'zip',
    `${what} in ${file} must be = ${expected}, got ${got}`,
  );
}
