import { TubeletError } from '@tubelet/graph';
import { describe, expect, test } from 'vitest';
import { maxHeaderBytes, parseSafetensors } from '../src/index.js';
import { randomNumbers } from './random-numbers.js';
import { bytesOf, rawFile, safetensorsFile } from './safetensors-file.js';

const parse = (file: Uint8Array) => parseSafetensors(file, file.length, 'a.safetensors');

const good = safetensorsFile(
  {
    'blocks.0.weight': { dtype: 'F32', shape: [2, 3], data: bytesOf(new Float32Array(6)) },
    scale: { dtype: 'F16', shape: [], data: new Uint8Array(2) },
    bias: { dtype: 'BF16', shape: [4], data: new Uint8Array(8) },
    nothing: { dtype: 'I64', shape: [0, 3], data: new Uint8Array(0) },
    packed: { dtype: 'F4', shape: [3, 2], data: new Uint8Array(3) },
  },
  { format: 'pt' },
);

describe('a right file', () => {
  test('gives tensors, their place in the file, and metadata', () => {
    const { tensors, metadata } = parse(good);
    const start = 8 + Number(new DataView(good.buffer).getBigUint64(0, true));
    expect(Object.fromEntries(tensors)).toEqual({
      'blocks.0.weight': { dtype: 'F32', shape: [2, 3], elements: 6, offset: start, bytes: 24 },
      scale: { dtype: 'F16', shape: [], elements: 1, offset: start + 24, bytes: 2 },
      bias: { dtype: 'BF16', shape: [4], elements: 4, offset: start + 26, bytes: 8 },
      nothing: { dtype: 'I64', shape: [0, 3], elements: 0, offset: start + 34, bytes: 0 },
      packed: { dtype: 'F4', shape: [3, 2], elements: 6, offset: start + 34, bytes: 3 },
    });
    expect(Object.fromEntries(metadata)).toEqual({ format: 'pt' });
  });

  test('may have tensors in any order, spaces after the header, and no tensors', () => {
    const header =
      '{"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}  ';
    expect(parse(rawFile(header, new Uint8Array(2))).tensors.size).toBe(2);
    expect(parse(rawFile('{}')).tensors.size).toBe(0);
    expect(parse(rawFile('{"__metadata__":null}')).metadata.size).toBe(0);
  });

  test('may call a tensor anything', () => {
    for (const name of ['__proto__', 'constructor', '', 'größe', '\u0000', '"\\']) {
      const header = `{${JSON.stringify(name)}:{"dtype":"U8","shape":[],"data_offsets":[0,1]}}`;
      expect([...parse(rawFile(header, new Uint8Array(1))).tensors.keys()]).toEqual([name]);
    }
  });
});

const one = (entry: object, bytes = 4) =>
  rawFile(JSON.stringify({ a: entry }), new Uint8Array(bytes));
const f32 = { dtype: 'F32', shape: [1], data_offsets: [0, 4] };
const two = (a: [number, number], b: [number, number], bytes: number) => {
  const entry = ([start, end]: [number, number]) => {
    return { dtype: 'U8', shape: [end - start], data_offsets: [start, end] };
  };
  return rawFile(JSON.stringify({ a: entry(a), b: entry(b) }), new Uint8Array(bytes));
};

describe('a wrong file is refused:', () => {
  test.each<[string, Uint8Array, string]>([
    ['empty', new Uint8Array(), 'size in a.safetensors must be = at least 8 bytes, got 0'],
    [
      'header too long',
      bytesOf(BigUint64Array.of(BigInt(maxHeaderBytes + 1))),
      'header length in a.safetensors must be = at most 100000000 bytes, got 100000001',
    ],
    [
      'header length of 2^64 - 1',
      bytesOf(BigUint64Array.of(2n ** 64n - 1n)),
      'got 18446744073709551615',
    ],
    [
      'truncated header',
      good.subarray(0, 40),
      "header in a.safetensors must be = within the file's 40 bytes",
    ],
    [
      'truncated data',
      good.subarray(0, good.length - 1),
      'tensors in a.safetensors must be = all of the file: 37 bytes, got 36 bytes of data',
    ],
    [
      'data after the last tensor',
      Uint8Array.from([...good, 0]),
      'all of the file: 37 bytes, got 38',
    ],
    ['no header', rawFile(''), 'a JSON object that starts with {, got another byte'],
    ['a header that is no object', rawFile('[]'), 'a JSON object that starts with {'],
    ['a space before the header', rawFile(' {}'), 'a JSON object that starts with {'],
    ['broken JSON', rawFile('{"a":'), 'a JSON object in UTF-8, got another text'],
    [
      'broken UTF-8',
      Uint8Array.of(4, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x22, 0xff, 0x7d),
      'a JSON object in UTF-8',
    ],
    ['deep nesting', rawFile(`{"a":${'['.repeat(100_000)}`), 'a JSON object in UTF-8'],
    [
      'a duplicate tensor',
      rawFile(
        '{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"\\u0061":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}',
        new Uint8Array(1),
      ),
      'header in a.safetensors must be = without duplicate keys, got "a"',
    ],
    [
      'a duplicate field',
      rawFile(
        '{"a":{"dtype":"U8","dtype":"U8","shape":[],"data_offsets":[0,1]}}',
        new Uint8Array(1),
      ),
      'without duplicate keys, got "dtype"',
    ],
    [
      'metadata of numbers',
      rawFile('{"__metadata__":{"a":1}}'),
      '__metadata__ in a.safetensors must be = an object of strings, got {"a":1}',
    ],
    [
      'a tensor that is no object',
      rawFile('{"a":3}'),
      '"a" in a.safetensors must be = an object, got 3',
    ],
    [
      'an unknown dtype',
      one({ ...f32, dtype: 'F128' }),
      'dtype of "a" in a.safetensors must be = one of BOOL',
    ],
    ['a dtype of the prototype', one({ ...f32, dtype: 'constructor' }), 'got "constructor"'],
    ['no dtype', one({ shape: [1], data_offsets: [0, 4] }), 'got nothing'],
    [
      'a negative size',
      one({ ...f32, shape: [-1] }),
      'shape of "a" in a.safetensors must be = an array of whole numbers from 0, got [-1]',
    ],
    ['a broken size', one({ ...f32, shape: [0.5] }), 'whole numbers from 0, got [0.5]'],
    ['a size beyond 2^53', one({ ...f32, shape: [2 ** 53] }), 'whole numbers from 0'],
    [
      'a product beyond everything',
      one({ ...f32, shape: [2 ** 40, 2 ** 40, 0] }),
      'bytes of "a" in a.safetensors must be = Infinity',
    ],
    [
      'offsets backwards',
      one({ ...f32, data_offsets: [4, 0] }),
      'data_offsets of "a" in a.safetensors must be = [start, end] with start <= end, got [4,0]',
    ],
    ['three offsets', one({ ...f32, data_offsets: [0, 4, 4] }), '[start, end]'],
    [
      'offsets that do not fit the shape',
      one({ ...f32, shape: [2] }),
      'bytes of "a" in a.safetensors must be = 8 for F32 [2], got 4',
    ],
    [
      'half a byte',
      one({ dtype: 'F4', shape: [3], data_offsets: [0, 2] }, 2),
      'must be = 1.5 for F4 [3], got 2',
    ],
    [
      'offsets beyond the file',
      one({ ...f32, shape: [2], data_offsets: [0, 8] }),
      'all of the file: 8 bytes, got 4 bytes of data',
    ],
    [
      'an overlap',
      two([0, 4], [2, 6], 6),
      'start of "b" in a.safetensors must be = 4, where the one before ends, got an overlap: 2',
    ],
    ['the same bytes twice', two([0, 4], [0, 4], 4), 'got an overlap: 0'],
    [
      'a hole',
      two([0, 2], [3, 6], 6),
      'start of "b" in a.safetensors must be = 2, where the one before ends, got a hole: 3',
    ],
    ['a hole in front', one({ ...f32, data_offsets: [1, 5] }, 5), 'got a hole: 1'],
  ])('%s', (_, file, message) => {
    expect(() => parse(file)).toThrow(
      expect.objectContaining({ code: 'BAD_WEIGHT', op: 'safetensors' }),
    );
    expect(() => parse(file)).toThrow(message);
  });
});

test('100,000 mutations of a file are parsed or refused', () => {
  const random = randomNumbers(1);
  const header = good.length - 37;
  let refused = 0;
  for (let i = 0; i < 100_000; i++) {
    const cut = random(8) === 0 ? random(good.length + 1) : good.length;
    const file = good.slice(0, cut);
    for (let k = 1 + random(4); k > 0 && file.length > 0; k--) {
      const at = random(4) === 0 ? random(file.length) : random(Math.min(header, file.length));
      const kinds = [random(256), file[random(file.length)], file[at] ^ (1 << random(8))];
      file[at] = kinds[random(kinds.length)];
    }
    try {
      const { tensors } = parse(file);
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
