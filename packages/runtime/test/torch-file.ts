/** A pickled value: opcodes, and the storages of its tensors by their keys. */
export interface Pickle {
  readonly opcodes: readonly number[];
  readonly storages: Readonly<Record<string, Uint8Array>>;
}

/** What a file under test holds. */
export type Value =
  | null
  | boolean
  | number
  | string
  | Pickle
  | readonly Value[]
  | { readonly [key: string]: Value };

/** A tensor over a storage of the file, as torch.save writes it. */
export interface SavedTensor {
  /** @defaultValue `'FloatStorage'` */
  readonly storageClass?: string;
  readonly key: string;
  readonly shape: readonly number[];
  /** Of the whole storage. */
  readonly data: Uint8Array;
  readonly stride?: readonly number[];
  readonly offset?: number;
  /** Of the storage; the tensor's by default. */
  readonly elements?: number;
  readonly isParameter?: boolean;
}

const letters = (text: string) => [...new TextEncoder().encode(text)];
const u32 = (value: number) => [...new Uint8Array(Uint32Array.of(value).buffer)];
const u64 = (value: number) => [...new Uint8Array(BigUint64Array.of(BigInt(value)).buffer)];

export const text = (value: string) => [0x58, ...u32(letters(value).length), ...letters(value)];
export const global = (module: string, name: string) => [0x63, ...letters(`${module}\n${name}\n`)];
export const tuple = (...items: readonly (readonly number[])[]) => [0x28, ...items.flat(), 0x74];
const integer = (value: number) => [0x4a, ...u32(value)];
const orderedDict = [...global('collections', 'OrderedDict'), 0x29, 0x52];

/** Opcodes as they are. */
export function raw(opcodes: readonly number[]): Pickle {
  return { opcodes, storages: {} };
}

export function pickled(value: Value): Pickle {
  if (value === null) return raw([0x4e]);
  if (typeof value === 'boolean') return raw([value ? 0x88 : 0x89]);
  if (typeof value === 'string') return raw(text(value));
  if (typeof value === 'number') {
    if (Number.isInteger(value)) return raw(integer(value));
    return raw([0x47, ...new Uint8Array(Float64Array.of(value).buffer).reverse()]);
  }
  if (isPickle(value)) return value;
  const pairs = Object.entries(value).map(([key, item]) => [key, pickled(item)] as const);
  const storages = Object.assign({}, ...pairs.map(([, item]) => item.storages));
  const opcodes = Array.isArray(value)
    ? [0x5d, 0x28, ...pairs.flatMap(([, item]) => item.opcodes), 0x65]
    : [
        ...orderedDict,
        0x28,
        ...pairs.flatMap(([key, item]) => [...text(key), ...item.opcodes]),
        0x75,
      ];
  return { opcodes, storages };
}

function isPickle(value: object): value is Pickle {
  return 'opcodes' in value;
}

export function tensor(of: SavedTensor): Pickle {
  const { storageClass = 'FloatStorage', key, shape, stride, offset = 0, data } = of;
  const count = shape.reduce((product, size) => product * size, 1);
  const rowMajor = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const storage = tuple(
    text('storage'),
    global('torch', storageClass),
    text(key),
    text('cpu'),
    integer(of.elements ?? count),
  );
  const built = [
    ...global('torch._utils', '_rebuild_tensor_v2'),
    ...tuple(
      [...storage, 0x51],
      integer(offset),
      tuple(...shape.map(integer)),
      tuple(...(stride ?? rowMajor).map(integer)),
      [0x89],
      orderedDict,
    ),
    0x52,
  ];
  const parameter = [
    ...global('torch._utils', '_rebuild_parameter'),
    ...tuple(built, [0x88], orderedDict),
    0x52,
  ];
  return { opcodes: of.isParameter ? parameter : built, storages: { [key]: data } };
}

/** The bytes of a pickle of protocol 2. */
export function pickleOf(value: Value): Uint8Array {
  return Uint8Array.of(0x80, 2, ...pickled(value).opcodes, 0x2e);
}

/** A file as torch.save writes it: a pickle, and the storages of its tensors. */
export function torchFile(value: Value, { zip64 = false } = {}): Uint8Array {
  const storages = Object.entries(pickled(value).storages);
  return zipOf(
    {
      'archive/data.pkl': pickleOf(value),
      'archive/byteorder': Uint8Array.from(letters('little')),
      ...Object.fromEntries(storages.map(([key, data]) => [`archive/data/${key}`, data])),
      'archive/version': Uint8Array.from(letters('3\n')),
    },
    { zip64 },
  );
}

/** A zip archive without compression whose data begin at multiples of 64, as torch.save aligns them. */
export function zipOf(
  files: Readonly<Record<string, Uint8Array>>,
  { zip64 = false, method = 0, flags = 0 } = {},
): Uint8Array {
  const u16 = (value: number) => [value & 255, value >> 8];
  const bytes: number[] = [];
  const directory: number[] = [];
  for (const [name, data] of Object.entries(files)) {
    const start = bytes.length;
    const nameBytes = letters(name);
    const padding = (64 - ((start + 30 + nameBytes.length + 4) % 64)) % 64;
    const sizes = zip64
      ? [...u32(0xffffffff), ...u32(0xffffffff)]
      : [...u32(data.length), ...u32(data.length)];
    const common = [
      ...u16(flags),
      ...u16(method),
      ...u32(0),
      ...u32(0),
      ...sizes,
      ...u16(nameBytes.length),
    ];
    bytes.push(...u32(0x04034b50), ...u16(0), ...common, ...u16(padding + 4), ...nameBytes);
    bytes.push(...letters('FB'), ...u16(padding), ...Array<number>(padding).fill(0x5a), ...data);
    const wide = zip64
      ? [...u16(1), ...u16(24), ...u64(data.length), ...u64(data.length), ...u64(start)]
      : [];
    directory.push(
      ...u32(0x02014b50),
      ...u16(0),
      ...u16(0),
      ...common,
      ...u16(wide.length),
      ...u16(0),
    );
    directory.push(
      ...u16(0),
      ...u16(0),
      ...u32(0),
      ...u32(zip64 ? 0xffffffff : start),
      ...nameBytes,
      ...wide,
    );
  }
  const start = bytes.length;
  bytes.push(...directory);
  if (zip64) {
    const record = bytes.length;
    const count = Object.keys(files).length;
    bytes.push(...u32(0x06064b50), ...u64(44), ...u16(45), ...u16(45), ...u32(0), ...u32(0));
    bytes.push(...u64(count), ...u64(count), ...u64(directory.length), ...u64(start));
    bytes.push(...u32(0x07064b50), ...u32(0), ...u64(record), ...u32(1));
  }
  const end = zip64
    ? [...u32(0xffffffff), ...u32(0xffffffff)]
    : [...u32(directory.length), ...u32(start)];
  bytes.push(...u32(0x06054b50), ...u16(0), ...u16(0), ...u16(0), ...u16(0), ...end, ...u16(0));
  return Uint8Array.from(bytes);
}
