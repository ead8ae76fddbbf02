import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { graph, linear, TubeletError } from '@tubelet/graph';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseGguf } from '../src/gguf.js';
import {
  compile,
  openDevice,
  openWeights,
  readFloat32,
  readValues,
  renamedWeights,
  upload,
} from '../src/index.js';
import { type GgufFileTensor, type GgufValue, ggufFile, text, u32, u64 } from './gguf-file.js';
import { randomNumbers } from './random-numbers.js';
import { bytesOf } from './safetensors-file.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tubelet-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function open(...file: Parameters<typeof ggufFile>) {
  const path = join(folder, `${Math.random()}.gguf`);
  await writeFile(path, ggufFile(...file));
  return openWeights(path);
}

const f32 = (shape: readonly number[], values: readonly number[]): GgufFileTensor => ({
  type: 0,
  shape,
  data: bytesOf(Float32Array.from(values)),
});

/** 0.5 and 0.25 as float16. */
const half = [0x00, 0x38];
const quarter = [0x00, 0x34];
const bytes = (count: number, value: (i: number) => number) =>
  Array.from({ length: count }, (_, i) => value(i) & 255);

describe('a GGUF file', () => {
  test('gives names, shapes, values as they stand, and its texts', async () => {
    const tensors = {
      'blocks.0.q.weight': f32([2, 3], [1, 2, 3, 4, 5, 6]),
      half: { type: 1, shape: [2], data: bytesOf(Uint16Array.of(0x3e00, 0xc000)) },
      bfloat: { type: 30, shape: [2, 1], data: bytesOf(Uint16Array.of(0x3fc0, 0xc000)) },
      scalar: f32([], [7]),
    };
    const metadata: Record<string, GgufValue> = {
      'general.architecture': 'wan',
      'general.file_type': { type: 4, bytes: u32(1) },
      words: { type: 9, bytes: [...u32(8), ...u64(2), ...text('a'), ...text('β')] },
    };
    const weights = await open(tensors, { metadata });
    expect([...weights.tensors.keys()]).toEqual(Object.keys(tensors));
    expect(weights.tensors.get('blocks.0.q.weight')).toMatchObject({ dtype: 'F32', shape: [2, 3] });
    expect([...(await readValues(weights, 'blocks.0.q.weight'))]).toEqual([1, 2, 3, 4, 5, 6]);
    expect([...(await readValues(weights, 'half'))]).toEqual([1.5, -2]);
    expect([...(await readValues(weights, 'bfloat'))]).toEqual([1.5, -2]);
    expect([...(await readValues(weights, 'scalar'))]).toEqual([7]);
    expect(Object.fromEntries(weights.metadata)).toEqual({ 'general.architecture': 'wan' });
  });

  test('has the shape that its converter kept apart', async () => {
    const shape = [2, 1, 1, 3].flatMap((size) => u32(size));
    const key = 'comfy.gguf.orig_shape.w';
    const metadata = { [key]: { type: 9, bytes: [...u32(5), ...u64(4), ...shape] } };
    const weights = await open({ w: f32([2, 3], [1, 2, 3, 4, 5, 6]) }, { metadata });
    expect(weights.tensors.get('w')?.shape).toEqual([2, 1, 1, 3]);
  });

  test('may be aligned otherwise, and of version 2', async () => {
    const metadata = { 'general.alignment': { type: 4, bytes: u32(64) } };
    const tensors = { a: f32([1], [3]), b: f32([1], [4]) };
    const weights = await open(tensors, { metadata, version: 2, alignment: 64 });
    expect([...(await readValues(weights, 'b'))]).toEqual([4]);
    expect(weights.tensors.get('b')!.offset % 64).toBe(0);
  });

  test('may have a header of megabytes', async () => {
    const weights = await open({ a: f32([1], [3]) }, { metadata: { long: 'x'.repeat(1_300_000) } });
    expect([...(await readValues(weights, 'a'))]).toEqual([3]);
  });
});

// Values as the format's description has them, block by block.
const quantised: readonly (readonly [string, number, number[], (i: number) => number])[] = [
  ['Q8_0', 8, [...half, ...bytes(32, (i) => i - 16)], (i) => 0.5 * (i - 16)],
  [
    'Q4_0',
    2,
    [...half, ...bytes(16, (i) => i | ((15 - i) << 4))],
    (i) => 0.5 * (i < 16 ? i - 8 : 15 - (i - 16) - 8),
  ],
  [
    // Parts 0 to 3 have scale 1 + part and minimum 2; parts 4 to 7 scale 16 + 1 and minimum 32 + 3.
    'Q4_K',
    12,
    [
      ...half,
      ...quarter,
      ...[0x41, 0x42, 0x43, 0x44, 0x82, 0x82, 0x82, 0x82, 0x31, 0x31, 0x31, 0x31],
      ...bytes(128, (i) => (i % 16) | ((i >> 5) << 4)),
    ],
    (i) => {
      const part = i >> 5;
      const quantum = part % 2 === 0 ? i % 16 : part >> 1;
      const [scale, minimum] = part < 4 ? [1 + part, 2] : [17, 35];
      return 0.5 * scale * quantum - 0.25 * minimum;
    },
  ],
  [
    'Q5_K',
    13,
    [
      ...half,
      ...quarter,
      ...[1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1],
      ...bytes(32, (i) => (i % 2 === 0 ? 0b10100101 : 0)),
      ...bytes(128, (i) => (i % 16) | (3 << 4)),
    ],
    (i) => {
      const part = i >> 5;
      const fifth = i % 2 === 0 && [0, 2, 5, 7].includes(part) ? 16 : 0;
      return 0.5 * ((part % 2 === 0 ? i % 16 : 3) + fifth);
    },
  ],
  [
    'Q6_K',
    14,
    [
      ...bytes(128, (i) => (i % 16) | (((i >> 4) % 16) << 4)),
      ...bytes(64, () => 0b11100100),
      ...bytes(16, (i) => i - 8),
      ...quarter,
    ],
    (i) => {
      const part = (i >> 5) & 3;
      const place = (i >> 7) * 64 + (part & 1) * 32 + (i & 31);
      const low = part < 2 ? place % 16 : (place >> 4) % 16;
      return 0.25 * ((i >> 4) - 8) * (low + 16 * part - 32);
    },
  ],
];

describe('quantised values', () => {
  test.each(quantised)('of %s', async (_, type, block, value) => {
    const elements = block.length < 40 ? 32 : 256;
    const data = Uint8Array.from([...block, ...block, ...block]);
    const weights = await open({ w: { type, shape: [3, elements], data } });
    const expected = Array.from({ length: 3 * elements }, (_, i) =>
      Math.fround(value(i % elements)),
    );
    expect([...(await readValues(weights, 'w'))]).toEqual(expected);
    expect(weights.tensors.get('w')).toMatchObject({ dtype: 'F32', elements: 3 * elements });
    // Any part of them, not only whole blocks.
    const { store } = weights.tensors.get('w')!;
    const part = await store.read(4 * (elements - 5), 4 * 9);
    const expectedPart = expected.slice(elements - 5, elements + 4);
    expect([...new Float32Array(part.buffer)]).toEqual(expectedPart);
  });

  test('may be split by rows under other names', async () => {
    const block = [...half, ...bytes(32, (i) => i - 16)];
    const other = [...quarter, ...bytes(32, (i) => 16 - i)];
    const data = Uint8Array.from([...block, ...other, ...block]);
    const weights = await open({ w: { type: 8, shape: [3, 32], data } });
    const parts = [
      { name: 'a', rows: 1 },
      { name: 'b', rows: 2 },
    ];
    const renamed = renamedWeights(weights, new Map([['w', parts]]));
    const all = await readValues(weights, 'w');
    expect(await readValues(renamed, 'a')).toEqual(all.slice(0, 32));
    expect(await readValues(renamed, 'b')).toEqual(all.slice(32));
    expect(all[32]).toBe(4);
  });

  test('are weights: a linear layer of them gives what one of their values gives', async () => {
    const block = [...half, ...bytes(32, (i) => i - 16)];
    const data = Uint8Array.from([...block, ...block]);
    const weights = await open({ w: { type: 8, shape: [2, 32], data } });
    using device = openDevice({ threads: 1 });
    const layer = graph('layer', (g) => {
      g.output('y', linear(g.input('x', [1, 32]), g.weight('w', [2, 32])));
    });
    const plan = await compile(device, layer, weights);
    const x = await upload(
      device,
      Float32Array.from({ length: 32 }, (_, i) => i),
    );
    const y = device.allocate(8);
    await plan.run({ inputs: { x }, outputs: { y } });
    const expected = Array.from({ length: 32 }, (_, i) => i * 0.5 * (i - 16)).reduce(
      (a, b) => a + b,
    );
    for (const value of await readFloat32(y)) expect(value).toBeCloseTo(expected, 3);
  });
});

describe('a GGUF file is refused for', () => {
  const one = { a: f32([1], [3]) };
  const parse = (file: Uint8Array) => parseGguf(file, file.length, 'a.gguf');
  const value = (type: number, ...content: number[]) => ({
    metadata: { k: { type, bytes: content } },
  });
  test.each<[string, Uint8Array, string, RegExp]>([
    ['its version', ggufFile(one, { version: 1 }), 'UNSUPPORTED', /version .* = 2 or 3, got 1/],
    [
      'a tensor of another type',
      ggufFile({ a: { ...one.a, type: 10 } }),
      'UNSUPPORTED',
      /type numbers "a" 10$/,
    ],
    [
      'an offset that is not aligned',
      ggufFile({ a: { ...one.a, offset: 4 } }),
      'BAD_WEIGHT',
      /offset of "a" .* multiple of 32, got 4/,
    ],
    [
      'data beyond the file',
      ggufFile({ a: { ...one.a, offset: 32 } }),
      'BAD_WEIGHT',
      /end of "a" .* within the file/,
    ],
    [
      'an overlap',
      ggufFile({ a: f32([9], Array(9).fill(1)), b: { ...one.a, offset: 32 } }),
      'BAD_WEIGHT',
      /start of "b" .* or later/,
    ],
    [
      'a row that is no multiple of a block',
      ggufFile({ a: { type: 8, shape: [33], data: new Uint8Array(68) } }),
      'BAD_WEIGHT',
      /row of "a" .* multiple of 32 for Q8_0, got 33/,
    ],
    [
      'too many dimensions',
      ggufFile({ a: f32(Array(9).fill(1), [1]) }),
      'BAD_WEIGHT',
      /dimensions of "a" .* at most 8, got 9/,
    ],
    [
      'elements beyond count',
      ggufFile({ a: f32([2 ** 40, 2 ** 40], []) }),
      'BAD_WEIGHT',
      /elements of "a"/,
    ],
    [
      'an unknown type of value',
      ggufFile(one, value(13)),
      'BAD_WEIGHT',
      /type of "k" .* 0 to 12, got 13/,
    ],
    [
      'an array within arrays without end',
      ggufFile(
        one,
        value(
          9,
          ...Array(6)
            .fill([...u32(9), ...u64(1)])
            .flat(),
        ),
      ),
      'BAD_WEIGHT',
      /arrays of "k" .* 4 deep/,
    ],
    [
      'an array beyond the file',
      ggufFile(one, value(9, ...u32(4), ...u64(10_000_000))),
      'BAD_WEIGHT',
      /"k" .* within the file/,
    ],
    ['text beyond the file', ggufFile(one, value(8, ...u64(1000))), 'BAD_WEIGHT', /"k"/],
    [
      'text that is not UTF-8',
      ggufFile(one, value(8, ...u64(1), 0xff)),
      'BAD_WEIGHT',
      /"k" .* = UTF-8/,
    ],
    [
      'an alignment',
      ggufFile(one, { metadata: { 'general.alignment': { type: 4, bytes: u32(24) } } }),
      'BAD_WEIGHT',
      /power of two from 8 to 65536, got 24/,
    ],
    [
      'another shape kept apart',
      ggufFile(one, {
        metadata: {
          'comfy.gguf.orig_shape.a': { type: 9, bytes: [...u32(5), ...u64(1), ...u32(2)] },
        },
      }),
      'BAD_WEIGHT',
      /a shape of 1 elements, got 2/,
    ],
    [
      'nothing after its magic',
      ggufFile(one).slice(0, 4),
      'BAD_WEIGHT',
      /version .* within the file's 4 bytes/,
    ],
  ])('%s', (_, file, code, message) => {
    expect(() => parse(file)).toThrow(expect.objectContaining({ code, op: 'gguf' }));
    expect(() => parse(file)).toThrow(message);
  });

  test('a name that comes twice', () => {
    const file = ggufFile({ a: f32([1], [3]), b: f32([1], [3]) });
    file[file.indexOf('b'.charCodeAt(0), 24)] = 'a'.charCodeAt(0);
    expect(() => parse(file)).toThrow(/names in a.gguf must be = different, got "a" twice/);
  });

  test('nothing, where only a part of its header was given', () => {
    const file = ggufFile(one, { metadata: { note: 'some words' } });
    for (let end = 0; end < 80; end++)
      expect(parseGguf(file.subarray(0, end), file.length, 'a.gguf')).toBeUndefined();
  });
});

test('100,000 mutations of a GGUF file are parsed or refused', () => {
  const good = ggufFile(
    {
      a: f32([2], [1, 2]),
      q: { type: 8, shape: [32], data: new Uint8Array(34) },
      b: f32([1, 3], [1, 2, 3]),
    },
    {
      metadata: {
        'general.name': 'x',
        'general.alignment': { type: 4, bytes: u32(32) },
        list: { type: 9, bytes: [...u32(8), ...u64(1), ...text('y')] },
      },
    },
  );
  const random = randomNumbers(7);
  let refused = 0;
  for (let i = 0; i < 100_000; i++) {
    const cut = random(8) === 0 ? random(good.length + 1) : good.length;
    const file = good.slice(0, cut);
    for (let k = 1 + random(4); k > 0 && file.length > 0; k--) {
      const at = random(file.length);
      const kinds = [random(256), file[random(file.length)], file[at] ^ (1 << random(8))];
      file[at] = kinds[random(kinds.length)];
    }
    try {
      const { tensors } = parseGguf(file, file.length, 'a.gguf')!;
      for (const { offset, bytes } of tensors.values()) {
        if (offset + bytes > file.length) throw new Error('a tensor beyond the file');
      }
    } catch (error) {
      if (!TubeletError.isInstance(error)) throw error;
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(50_000);
  expect(refused).toBeLessThan(100_000);
});
