import { TubeletError } from '@tubelet/graph';
import type { StoredDType } from './stored-dtype.js';

/** What a pickle of a state dict is made of; nothing else is read. */
export type PickleValue =
  | null
  | boolean
  | number
  | string
  | PickleList
  | PickleTuple
  | PickleDict
  | PickleGlobal
  | PickleStorage
  | PickleTensor;

interface PickleList {
  readonly kind: 'list';
  readonly items: PickleValue[];
}

interface PickleTuple {
  readonly kind: 'tuple';
  readonly items: readonly PickleValue[];
}

export interface PickleDict {
  readonly kind: 'dict';
  readonly entries: Map<string, PickleValue>;
}

interface PickleGlobal {
  readonly kind: 'global';
  readonly name: string;
}

interface PickleStorage {
  readonly kind: 'storage';
  readonly dtype: StoredDType;
  /** Of the file that holds it. */
  readonly key: string;
  readonly elements: number;
}

export interface PickleTensor {
  readonly kind: 'tensor';
  readonly storage: PickleStorage;
  /** In elements, from the start of its storage. */
  readonly offset: number;
  readonly shape: readonly number[];
  readonly stride: readonly number[];
}

const storageDTypes: Readonly<Record<string, StoredDType>> = {
  'torch.FloatStorage': 'F32',
  'torch.HalfStorage': 'F16',
  'torch.BFloat16Storage': 'BF16',
  'torch.LongStorage': 'I64',
};

const orderedDict = 'collections.OrderedDict';
const rebuildTensor = 'torch._utils._rebuild_tensor_v2';
const rebuildParameter = 'torch._utils._rebuild_parameter';
const globals = [orderedDict, rebuildTensor, rebuildParameter, ...Object.keys(storageDTypes)];

/** Every opcode of the protocols, so that a refusal can name it (CPython's pickletools). */
// biome-ignore format: a table
const codes = {
  MARK: 0x28, EMPTY_TUPLE: 0x29, STOP: 0x2e, POP: 0x30, POP_MARK: 0x31, DUP: 0x32, BINBYTES: 0x42, SHORT_BINBYTES: 0x43,
  FLOAT: 0x46, BINFLOAT: 0x47, INT: 0x49, BININT: 0x4a, BININT1: 0x4b, LONG: 0x4c, BININT2: 0x4d, NONE: 0x4e,
  PERSID: 0x50, BINPERSID: 0x51, REDUCE: 0x52, STRING: 0x53, BINSTRING: 0x54, SHORT_BINSTRING: 0x55, UNICODE: 0x56,
  BINUNICODE: 0x58, EMPTY_LIST: 0x5d, APPEND: 0x61, BUILD: 0x62, GLOBAL: 0x63, DICT: 0x64, APPENDS: 0x65, GET: 0x67,
  BINGET: 0x68, INST: 0x69, LONG_BINGET: 0x6a, LIST: 0x6c, OBJ: 0x6f, PUT: 0x70, BINPUT: 0x71, LONG_BINPUT: 0x72,
  SETITEM: 0x73, TUPLE: 0x74, SETITEMS: 0x75, EMPTY_DICT: 0x7d, PROTO: 0x80, NEWOBJ: 0x81, EXT1: 0x82, EXT2: 0x83,
  EXT4: 0x84, TUPLE1: 0x85, TUPLE2: 0x86, TUPLE3: 0x87, NEWTRUE: 0x88, NEWFALSE: 0x89, LONG1: 0x8a, LONG4: 0x8b,
  SHORT_BINUNICODE: 0x8c, BINUNICODE8: 0x8d, BINBYTES8: 0x8e, EMPTY_SET: 0x8f, ADDITEMS: 0x90, FROZENSET: 0x91,
  NEWOBJ_EX: 0x92, STACK_GLOBAL: 0x93, MEMOIZE: 0x94, FRAME: 0x95, BYTEARRAY8: 0x96, NEXT_BUFFER: 0x97,
  READONLY_BUFFER: 0x98,
} as const;
type Opcode = keyof typeof codes;
const opcodes = new Map<number, Opcode>(
  Object.entries(codes).map(([name, code]) => [code, name as Opcode]),
);

/** The state of a machine that reads a pickle. */
interface Machine {
  readonly stack: PickleValue[];
  /** Heights of the stack at its marks. */
  readonly marks: number[];
  readonly memo: Map<number, PickleValue>;
  /** The next bytes. */
  take(count: number): DataView;
  line(): string;
  text(bytes: number): string;
  fail(expected: string, got: string): never;
  refuse(what: string, expected: string, got: string): never;
}

/**
 * Reads a pickle (protocols 2 to 5) of nested dicts, lists and plain tensors, as torch.save writes state dicts. It is data:
 * nothing is called or imported, and whatever would need it is refused by its name.
 *
 * @param file names the file in errors
 * @throws TubeletError UNSUPPORTED naming an opcode or a global that is no part of a state dict, BAD_WEIGHT for a broken pickle
 */
export function readPickle(bytes: Uint8Array, file: string): PickleValue {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const throwError = (code: 'BAD_WEIGHT' | 'UNSUPPORTED', message: string): never => {
    throw new TubeletError(code, 'pickle', message);
  };
  const fail: Machine['fail'] = (expected, got) =>
    throwError('BAD_WEIGHT', `pickle in ${file} must be = ${expected}, got ${got} at byte ${at}`);
  const machine: Machine = {
    stack: [],
    marks: [],
    memo: new Map(),
    take(count) {
      if (count > bytes.length - at) fail('whole', `an end where ${count} bytes are due`);
      at += count;
      return new DataView(view.buffer, view.byteOffset + at - count, count);
    },
    line() {
      const end = bytes.indexOf(0x0a, at);
      if (end < 0) fail('whole', 'a line without an end');
      const text = machine.text(end - at);
      at = end + 1;
      return text;
    },
    text(count) {
      const part = machine.take(count);
      try {
        return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(part);
      } catch {
        return fail('text in UTF-8', 'other bytes');
      }
    },
    fail,
    refuse: (what, expected, got) =>
      throwError('UNSUPPORTED', `${what} of ${file} must be = ${expected}, got ${got}`),
  };
  for (;;) {
    const code = machine.take(1).getUint8(0);
    const opcode = opcodes.get(code) ?? fail('known opcodes', `0x${code.toString(16)}`);
    if (opcode === 'STOP') {
      const value = pop(machine);
      if (machine.stack.length > 0 || at !== bytes.length) fail('one value', 'more');
      return value;
    }
    const run = runs[opcode];
    if (run) run(machine);
    else machine.refuse('opcodes', 'those of a state dict of plain tensors', opcode);
  }
}

/** What the opcodes do that a state dict is made of. */
const runs: Readonly<Partial<Record<Opcode, (machine: Machine) => void>>> = {
  PROTO(m) {
    const version = m.take(1).getUint8(0);
    if (version < 2 || version > 5) m.refuse('protocol', '2 to 5', String(version));
  },
  FRAME: (m) => void m.take(8),
  MARK: ({ marks, stack }) => void marks.push(stack.length),
  NONE: ({ stack }) => void stack.push(null),
  NEWTRUE: ({ stack }) => void stack.push(true),
  NEWFALSE: ({ stack }) => void stack.push(false),
  BININT: (m) => void m.stack.push(m.take(4).getInt32(0, true)),
  BININT1: (m) => void m.stack.push(m.take(1).getUint8(0)),
  BININT2: (m) => void m.stack.push(m.take(2).getUint16(0, true)),
  LONG1: (m) => void m.stack.push(long(m, m.take(m.take(1).getUint8(0)))),
  BINFLOAT: (m) => void m.stack.push(m.take(8).getFloat64(0)),
  SHORT_BINUNICODE: (m) => void m.stack.push(m.text(m.take(1).getUint8(0))),
  BINUNICODE: (m) => void m.stack.push(m.text(m.take(4).getUint32(0, true))),
  BINUNICODE8: (m) => void m.stack.push(m.text(Number(m.take(8).getBigUint64(0, true)))),
  EMPTY_DICT: ({ stack }) => void stack.push(emptyDict()),
  EMPTY_LIST: ({ stack }) => void stack.push({ kind: 'list', items: [] }),
  EMPTY_TUPLE: ({ stack }) => void stack.push({ kind: 'tuple', items: [] }),
  TUPLE: (m) => void m.stack.push({ kind: 'tuple', items: sinceMark(m) }),
  TUPLE1: (m) => tuple(m, 1),
  TUPLE2: (m) => tuple(m, 2),
  TUPLE3: (m) => tuple(m, 3),
  APPEND(m) {
    const item = pop(m);
    listOnTop(m).items.push(item);
  },
  APPENDS(m) {
    const items = sinceMark(m);
    const list = listOnTop(m);
    for (const item of items) list.items.push(item);
  },
  SETITEM(m) {
    const value = pop(m);
    setItems(m, [pop(m), value]);
  },
  SETITEMS: (m) => setItems(m, sinceMark(m)),
  BINPUT: (m) => void m.memo.set(m.take(1).getUint8(0), top(m)),
  LONG_BINPUT: (m) => void m.memo.set(m.take(4).getUint32(0, true), top(m)),
  MEMOIZE: (m) => void m.memo.set(m.memo.size, top(m)),
  BINGET: (m) => remember(m, m.take(1).getUint8(0)),
  LONG_BINGET: (m) => remember(m, m.take(4).getUint32(0, true)),
  GLOBAL: (m) => pushGlobal(m, m.line(), m.line()),
  STACK_GLOBAL(m) {
    const [name, module] = [pop(m), pop(m)];
    pushGlobal(m, String(module), String(name));
  },
  BINPERSID: (m) => void m.stack.push(storage(m, pop(m))),
  REDUCE(m) {
    const values = pop(m);
    m.stack.push(reduce(m, pop(m), values));
  },
  // Attributes of a dict, such as a state dict's _metadata, hold no tensor.
  BUILD(m) {
    pop(m);
    if (!isKind(top(m), 'dict')) m.fail('attributes of dicts only', 'another value with some');
  },
};

function emptyDict(): PickleDict {
  return { kind: 'dict', entries: new Map() };
}

function isKind<Kind extends string>(
  value: PickleValue | undefined,
  kind: Kind,
): value is Extract<PickleValue, { readonly kind: Kind }> {
  return typeof value === 'object' && value !== null && value.kind === kind;
}

function top({ stack, marks, fail }: Machine): PickleValue {
  if (stack.length <= (marks.at(-1) ?? 0)) fail('whole', 'an empty stack');
  return stack[stack.length - 1];
}

function pop(machine: Machine): PickleValue {
  const value = top(machine);
  machine.stack.pop();
  return value;
}

function sinceMark({ stack, marks, fail }: Machine): PickleValue[] {
  const mark = marks.pop() ?? fail('whole', 'no mark');
  return stack.splice(mark);
}

function tuple(machine: Machine, count: number): void {
  const items = Array.from({ length: count }, () => pop(machine)).reverse();
  machine.stack.push({ kind: 'tuple', items });
}

function listOnTop(machine: Machine): PickleList {
  const list = top(machine);
  return isKind(list, 'list') ? list : machine.fail('items of lists only', 'those of another');
}

function setItems(machine: Machine, items: readonly PickleValue[]): void {
  const dict = top(machine);
  if (!isKind(dict, 'dict') || items.length % 2 === 1) machine.fail('pairs of a dict', 'others');
  for (let i = 0; i < items.length; i += 2) {
    const key = items[i];
    if (typeof key !== 'string' && typeof key !== 'number')
      machine.fail('keys that are text or numbers', 'another');
    if (dict.entries.has(String(key))) machine.fail('keys that come once', JSON.stringify(key));
    dict.entries.set(String(key), items[i + 1]);
  }
}

function remember({ memo, stack, fail }: Machine, index: number): void {
  const value = memo.get(index);
  if (value === undefined) fail('whole', `nothing remembered under ${index}`);
  else stack.push(value);
}

/** A whole number in two's complement, little-endian. */
function long({ fail }: Machine, bytes: DataView): number {
  let value = 0n;
  for (let i = bytes.byteLength - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes.getUint8(i));
  const signed = BigInt.asIntN(8 * bytes.byteLength, value);
  const number = Number(signed);
  return Number.isSafeInteger(number) ? number : fail('whole numbers below 2^53', String(signed));
}

function pushGlobal(machine: Machine, module: string, name: string): void {
  const full = `${module}.${name}`;
  if (!globals.includes(full))
    machine.refuse('globals', `plain tensors: ${globals.join(', ')}`, full.slice(0, 200));
  machine.stack.push({ kind: 'global', name: full });
}

/** ('storage', class, key, location, elements) */
function storage({ fail }: Machine, id: PickleValue): PickleStorage {
  const [word, type, key, , elements] = isKind(id, 'tuple') ? id.items : [];
  const dtype = isKind(type, 'global') ? storageDTypes[type.name] : undefined;
  if (word !== 'storage' || !dtype || typeof key !== 'string' || !isSize(elements))
    return fail('storages by class, key and number of elements', 'another reference');
  return { kind: 'storage', dtype, key, elements };
}

function reduce(machine: Machine, called: PickleValue, values: PickleValue): PickleValue {
  const name = isKind(called, 'global') ? called.name : 'something that is no global';
  const items = isKind(values, 'tuple') ? values.items : machine.fail('a tuple', 'another value');
  if (name === orderedDict && items.length === 0) return emptyDict();
  if (name === rebuildParameter && isKind(items[0], 'tensor')) return items[0];
  if (name === rebuildTensor) {
    const [of, offset, shape, stride] = items;
    if (isKind(of, 'storage') && isSize(offset) && isSizes(shape) && isSizes(stride))
      return { kind: 'tensor', storage: of, offset, shape: shape.items, stride: stride.items };
  }
  return machine.fail('calls that rebuild tensors', `one of ${name} with other values`);
}

function isSize(value: PickleValue | undefined): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isSizes(
  value: PickleValue | undefined,
): value is PickleTuple & { readonly items: readonly number[] } {
  return isKind(value, 'tuple') && value.items.every(isSize);
}
