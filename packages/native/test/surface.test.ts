import { afterAll, describe, expect, test } from 'vitest';
import { loadAddon } from '../src/index.js';

const addon = loadAddon();
const device = new addon.Device({ kind: 'cpu', threads: 1 });
afterAll(() => device.dispose());

/** The smallest graph: input x `[n, 2]` f32 is output y; native code must parse it, not trust it. */
function copyGraph(): Uint8Array {
  const bytes: number[] = [];
  const u32 = (value: number) => bytes.push(...new Uint8Array(Uint32Array.of(value).buffer));
  const i64 = (value: number) =>
    bytes.push(...new Uint8Array(BigInt64Array.of(BigInt(value)).buffer));
  const text = (value: string) => {
    u32(value.length);
    bytes.push(...new TextEncoder().encode(value));
  };
  u32(0x474c4254);
  u32(1);
  u32(1);
  text('n');
  u32(1);
  text('x');
  bytes.push(1, 0, 2);
  i64(-1);
  i64(2);
  u32(0);
  for (const list of [[0], [0]]) {
    u32(list.length);
    list.forEach(u32);
  }
  return Uint8Array.from(bytes);
}

const graph = new addon.Graph(copyGraph());

/** Anything at all may come from JavaScript. */
type Loose = Record<string, (...values: unknown[]) => unknown>;
const loose = (object: unknown) => object as Loose;

describe('graph', () => {
  test('tells its symbols and tensors', () => {
    expect(graph.symbols).toEqual(['n']);
    expect(graph.inputs).toEqual([{ name: 'x', dtype: 'f32', shape: [-1, 2] }]);
    expect(graph.outputs).toEqual(graph.inputs);
    expect(graph.weights).toEqual([]);
  });
});

describe('an object', () => {
  test('can be used with `using` and is disposed once', async () => {
    const opened: (() => unknown)[] = [];
    {
      using mine = new addon.Device({ kind: 'cpu', threads: 1 });
      using buffer = mine.allocate(8);
      using parsed = new addon.Graph(copyGraph());
      using plan = await mine.compile(parsed, [], [1]);
      opened.push(
        () => mine.kind,
        () => mine.bytesInUse,
        () => buffer.bytes,
        () => buffer.isReadOnly,
        () => parsed.inputs,
        () => plan.packedBytes,
      );
      plan.dispose();
    }
    for (const use of opened) {
      expect(use).toThrow(expect.objectContaining({ code: 'DISPOSED' }));
    }
  });

  test('work that was queued before dispose is done', async () => {
    const plan = await device.compile(graph, [], [2]);
    const [x, y] = [device.allocate(16), device.allocate(16)];
    const values = new Float32Array(4);
    const work = [x.write(Float32Array.of(1, 2, 3, 4)), plan.run([x], [y], [2]), y.read(values)];
    for (const object of [plan, x, y]) object.dispose();
    await Promise.all(work);
    expect([...values]).toEqual([1, 2, 3, 4]);
  });
});

describe('bytes', () => {
  test('are taken from any view at the call and put at an offset', async () => {
    const buffer = device.allocate(8);
    const source = Uint16Array.of(9, 1, 2, 9).subarray(1, 3);
    const plan = await device.compile(graph, [], [1]);
    const busy = plan.run([device.allocate(8)], [device.allocate(8)], [1]);
    const written = buffer.write(source, 4);
    source.fill(7);
    const target = new DataView(new ArrayBuffer(6), 2, 4);
    await Promise.all([busy, written, buffer.read(target, 4)]);
    expect(new Uint8Array(target.buffer)).toEqual(Uint8Array.of(0, 0, 1, 0, 2, 0));
  });

  test('a target that is detached while its read waits is refused', async () => {
    const plan = await device.compile(graph, [], [1]);
    const busy = plan.run([device.allocate(8)], [device.allocate(8)], [1]);
    const target = new Uint8Array(8);
    const read = device.allocate(8).read(target);
    structuredClone(target.buffer, { transfer: [target.buffer] });
    await expect(read).rejects.toThrow(
      '[buffer] target must be = 8 bytes until it is filled, got 0',
    );
    await busy;
  });
});

test('getters of arguments may dispose what they are given to', async () => {
  const mine = new addon.Device({ kind: 'cpu', threads: 1 });
  const plan = await mine.compile(graph, [], [1]);
  const buffer = mine.allocate(8);
  const trap = [buffer];
  Object.defineProperty(trap, 0, {
    get() {
      mine.dispose();
      return buffer;
    },
  });
  await expect(plan.run(trap, [buffer], [1])).rejects.toMatchObject({ code: 'DISPOSED' });
});

describe('a bad call is an error', () => {
  const buffer = device.allocate(8);
  const plan = device.compile(graph, [], [1]);
  const other = new addon.Device({ kind: 'cpu', threads: 1 });
  afterAll(() => other.dispose());
  const stray = [undefined, null, true, 0, -1, 1.5, Number.NaN, 2 ** 60, 'text', Symbol('s'), 3n];
  const strays = [...stray, [], {}, () => 0, new Uint8Array(3)];

  /** Resolves with the error of a call that must fail, whether it throws or rejects. */
  async function errorOf(call: () => unknown): Promise<unknown> {
    try {
      await call();
    } catch (error) {
      return error;
    }
    return undefined;
  }

  const bytes = () => device.allocate(8);
  const none = () => false;
  const isView = (value: unknown) => value instanceof Uint8Array;
  const isNothing = (value: unknown) => value === undefined;
  const isZero = (value: unknown) => value === 0;

  test.each<[string, (value: unknown) => unknown, (value: unknown) => boolean]>([
    ['new Device(it)', (it) => Reflect.construct(addon.Device, [it]), none],
    ['kind', (kind) => Reflect.construct(addon.Device, [{ kind }]), none],
    [
      'threads',
      (threads) => Reflect.construct(addon.Device, [{ kind: 'cpu', threads }]),
      isNothing,
    ],
    ['isa', (isa) => Reflect.construct(addon.Device, [{ kind: 'cpu', isa }]), isNothing],
    ['new Graph(it)', (it) => Reflect.construct(addon.Graph, [it]), none],
    ['map(it)', (it) => loose(device).map(it), none],
    ['write(it)', (it) => loose(buffer).write(it), isView],
    ['read(it)', (it) => loose(buffer).read(it), isView],
    [
      'an offset',
      (it) => loose(buffer).read(new Uint8Array(1), it),
      (it) => isNothing(it) || isZero(it),
    ],
    ['a view', (it) => loose(buffer).view(it, 8), isZero],
    ['a graph', (it) => loose(device).compile(it, [], [1]), none],
    ['weights', (it) => loose(device).compile(graph, it, [1]), (it) => Array.isArray(it)],
    ['a capacity', (it) => loose(device).compile(graph, [], [it]), none],
    ['capacity', (it) => loose(device).compile(graph, [], it), none],
    ['inputs', async (it) => loose(await plan).run(it, [bytes()], [1]), none],
    ['an input', async (it) => loose(await plan).run([it], [bytes()], [1]), none],
    ['outputs', async (it) => loose(await plan).run([buffer], it, [1]), none],
    ['sizes', async (it) => loose(await plan).run([buffer], [bytes()], it), none],
    ['a size', async (it) => loose(await plan).run([buffer], [bytes()], [it]), isZero],
    ['cancel', async (it) => loose(await plan).run([buffer], [bytes()], [1], it), isNothing],
    ['profile', async (it) => loose(await plan).profile(it, it, it, it), none],
  ])('for anything in place of %s', async (name, call, isGood) => {
    for (const value of strays) {
      const error = await errorOf(() => call(value));
      const what = `${name}: ${typeof value === 'symbol' ? 'symbol' : `${value}`}`;
      if (isGood(value)) expect(error, what).toBeUndefined();
      else expect(error, what).toBeInstanceOf(Error);
    }
  });

  test.each<[string, () => unknown, string]>([
    [
      'bytes',
      () => device.allocate(-1),
      '[device] bytes must be = a whole number from 0 to 9007199254740991, got -1',
    ],
    [
      'a text for bytes',
      () => loose(device).allocate('4'),
      '[device] bytes must be = a whole number from 0 to 9007199254740991, got "4"',
    ],
    [
      'too many bytes',
      () => device.allocate(2 ** 52),
      `[buffer] memory must be available = ${2 ** 52} bytes, got none`,
    ],
    [
      'a file that is not',
      () => device.map('/nowhere'),
      '[buffer] file must be readable = /nowhere, got No such file or directory',
    ],
    ['a folder', () => device.map('/'), '[buffer] file must be readable = /, got Is a directory'],
    [
      'null in a path',
      () => device.map('a\0b'),
      '[device] path must be = a string without null characters, got one with them',
    ],
    [
      'past the end',
      () => buffer.write(new Uint8Array(4), 5),
      '[buffer] offset and length must be = within 8 bytes, got 5 and 4',
    ],
    [
      'far past the end',
      () => buffer.read(new Uint8Array(1), Number.MAX_SAFE_INTEGER),
      '[buffer] offset and length must be = within 8 bytes, got 9007199254740991 and 1',
    ],
    [
      'a buffer of nobody',
      () => Reflect.construct(buffer.constructor, []),
      '[buffer] a Buffer must be made by = Device.allocate, Device.map or Buffer.view, got new',
    ],
    [
      'a plan of nobody',
      async () => Reflect.construct((await plan).constructor, []),
      '[plan] a Plan must be made by = Device.compile, got new',
    ],
    [
      'an unknown kind',
      () => Reflect.construct(addon.Device, [{ kind: 'tpu' }]),
      '[device] kind must be one of = ',
    ],
    [
      'an unknown isa',
      () => Reflect.construct(addon.Device, [{ kind: 'cpu', isa: 'mmx' }]),
      '[device] isa must be one of = ',
    ],
    [
      'too many threads',
      () => new addon.Device({ kind: 'cpu', threads: 1025 }),
      '[device] threads must be = a whole number from 1 to 1024, got 1025',
    ],
    [
      'a long array',
      async () => (await plan).run(new Array(2 ** 32 - 1), [buffer], [1]),
      '[plan] inputs must be = an array of 1, got an array of 4294967295',
    ],
    [
      'a foreign buffer',
      async () => (await plan).run([other.allocate(8)], [buffer], [1]),
      '[plan] inputs[0] must be = a Buffer of this device, got one of another',
    ],
    [
      'a private flag',
      async () => (await plan).run([buffer], [device.allocate(8)], [1], new Int32Array(1)),
      '[plan] cancel must be = an Int32Array over a SharedArrayBuffer, got an Int32Array of 1',
    ],
    [
      'weights too many',
      () => device.compile(graph, [[]], [1]),
      '[device] weights must be = an array of 0, got an array of 1',
    ],
  ])('%s', async (_, call, message) => {
    const error = await errorOf(call);
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: 'TubeletError', [Symbol.for('tubelet.error')]: true });
    expect((error as Error).message.startsWith(message), (error as Error).message).toBe(true);
  });

  test('methods and getters on an object of another class', async () => {
    const objects = [device, buffer, graph, await plan];
    const receivers = [...objects, {}, null, undefined, 3, new Proxy(buffer, {})];
    for (const object of objects) {
      const prototype = Object.getPrototypeOf(object);
      const members = Object.getOwnPropertyDescriptors(prototype);
      const names = Reflect.ownKeys(members).filter((name) => name !== 'constructor');
      expect(names).toContain(Symbol.dispose);
      for (const name of names) {
        const { value, get } = members[name as string];
        for (const receiver of receivers) {
          if (receiver === object) continue;
          const call = () => Reflect.apply(value ?? get, receiver, []);
          expect(call, String(name)).toThrow(/this must be|Illegal invocation/);
        }
      }
    }
    expect(() => Reflect.apply(addon.Device, undefined, [{ kind: 'cpu' }])).toThrow(TypeError);
    expect(buffer.bytes).toBe(8);
  });
});
