import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { graph, linear, TubeletError } from '@tubelet/graph';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  compile,
  openDevice,
  openWeights,
  readFloat32,
  readValues,
  upload,
  weightsUnder,
} from '../src/index.js';
import { randomNumbers } from './random-numbers.js';
import { bytesOf } from './safetensors-file.js';
import {
  global,
  pickled,
  pickleOf,
  raw,
  type SavedTensor,
  tensor,
  text,
  torchFile,
  tuple,
  type Value,
  zipOf,
} from './torch-file.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tubelet-torch-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function open(content: Uint8Array, name = 'model.pt') {
  const path = join(folder, name);
  await writeFile(path, content);
  return openWeights(path);
}

const saved: SavedTensor = {
  key: '0',
  shape: [2, 3],
  data: bytesOf(Float32Array.of(1, 2, 3, 4, 5, 6)),
};
const matrix = tensor(saved);
const half = tensor({
  storageClass: 'HalfStorage',
  key: '1',
  shape: [2],
  data: bytesOf(Uint16Array.of(0x3e00, 0xc000)),
});
const bfloat = tensor({
  storageClass: 'BFloat16Storage',
  key: '2',
  shape: [1, 2],
  data: bytesOf(Uint16Array.of(0x3fc0, 0xc000)),
});
const ids = tensor({
  storageClass: 'LongStorage',
  key: '3',
  shape: [],
  data: bytesOf(BigInt64Array.of(-3n)),
});
const nothing = tensor({ key: '4', shape: [0, 7], data: new Uint8Array() });

describe('a file of torch.save', () => {
  test.each([false, true])('gives its tensors where they lie, zip64 %s', async (zip64) => {
    const state = { 'a.weight': matrix, half, bfloat, ids, nothing };
    const weights = await open(torchFile(state, { zip64 }));
    expect([...weights.tensors.keys()]).toEqual(Object.keys(state));
    expect(weights.tensors.get('a.weight')).toMatchObject({
      dtype: 'F32',
      shape: [2, 3],
      elements: 6,
      bytes: 24,
    });
    for (const { offset } of weights.tensors.values()) expect(offset % 64).toBe(0);
    expect([...(await readValues(weights, 'a.weight'))]).toEqual([1, 2, 3, 4, 5, 6]);
    expect([...(await readValues(weights, 'half'))]).toEqual([1.5, -2]);
    expect([...(await readValues(weights, 'bfloat'))]).toEqual([1.5, -2]);
    expect([...(await readValues(weights, 'ids'))]).toEqual([-3]);
    expect([...(await readValues(weights, 'nothing'))]).toEqual([]);
  });

  test('is found alone in a folder, after safetensors', async () => {
    const alone = await mkdtemp(join(folder, 'alone-'));
    await writeFile(join(alone, 'diffusion_pytorch_model.bin'), torchFile({ ids }));
    expect([...(await openWeights(alone)).tensors.keys()]).toEqual(['ids']);
    await writeFile(join(alone, 'model.pt'), torchFile({ half }));
    await expect(openWeights(alone)).rejects.toThrow(/got diffusion_pytorch_model.bin, model.pt/);
  });

  test('may nest dicts and lists beside other values; one network of it is taken', async () => {
    const state = { model: { w: matrix }, ema: { w: half }, step: 7, lr: 1e-4, list: [ids, null] };
    const weights = await open(torchFile(state));
    expect([...weights.tensors.keys()]).toEqual(['model.w', 'ema.w', 'list.0']);
    const ema = weightsUnder(weights, 'ema.');
    expect([...ema.tensors.keys()]).toEqual(['w']);
    expect([...(await readValues(ema, 'w'))]).toEqual([1.5, -2]);
  });

  test('may hold parameters, attributes of a dict, and views of one storage', async () => {
    const { data } = saved;
    const row = (offset: number) =>
      tensor({ key: '0', shape: [1, 3], stride: [99, 1], offset, elements: 6, data });
    const parameter = tensor({ ...saved, isParameter: true });
    const state = pickled({ parameter, first: row(0), second: row(3) }).opcodes;
    const withMetadata = [...state, ...pickled({ _metadata: {} }).opcodes, 0x62];
    const file = zipOf({
      'm/data.pkl': Uint8Array.of(0x80, 2, ...withMetadata, 0x2e),
      'm/data/0': data,
    });
    const weights = await open(file);
    expect([...(await readValues(weights, 'parameter'))]).toEqual([1, 2, 3, 4, 5, 6]);
    expect([...(await readValues(weights, 'first'))]).toEqual([1, 2, 3]);
    expect([...(await readValues(weights, 'second'))]).toEqual([4, 5, 6]);
  });

  test('may be of a later protocol', async () => {
    const frame = [0x95, 0, 0, 0, 0, 0, 0, 0, 0];
    const memoize = 0x94;
    const name = [0x8c, 1, 0x61, memoize];
    const negative = [0x8a, 2, 0x00, 0xff];
    const stackGlobal = [...text('collections'), ...text('OrderedDict'), 0x93, 0x29, 0x52];
    const items = [...name, ...negative, 0x73, 0x8c, 1, 0x62, 0x68, 0, 0x73, 0x8c, 1, 0x63];
    const pickle = [0x80, 4, ...frame, ...stackGlobal, ...items, ...matrix.opcodes, 0x73, 0x2e];
    const file = { 'm/data.pkl': Uint8Array.from(pickle), 'm/data/0': saved.data };
    expect([...(await open(zipOf(file))).tensors.keys()]).toEqual(['c']);
  });

  test('is mapped by a device', async () => {
    const g = graph('g', (g) => {
      g.output('y', linear(g.input('x', [1, 3]), g.weight('ema.w', [2, 3])));
    });
    const weights = await open(torchFile({ ema: { w: matrix } }), 'mapped.pth');
    using device = openDevice({ threads: 1 });
    const plan = await compile(device, g, weights);
    const x = await upload(device, Float32Array.of(1, 10, 100));
    const y = device.allocate(8);
    await plan.run({ inputs: { x }, outputs: { y } });
    expect([...(await readFloat32(y))]).toEqual([321, 654]);
  });
});

/** Code that would run if anything were executed. */
const attack = raw([...global('posix', 'system'), ...text('id'), 0x85, 0x52]);

describe('a file is refused:', () => {
  const cases: readonly (readonly [string, Uint8Array, string, RegExp])[] = [
    ['a call', torchFile({ a: attack }), 'UNSUPPORTED', /globals .* got posix\.system$/],
    [
      'options of training',
      torchFile({ a: matrix, args: raw(global('argparse', 'Namespace')) }),
      'UNSUPPORTED',
      /got argparse\.Namespace$/,
    ],
    [
      'a storage of doubles',
      torchFile({ a: tensor({ ...saved, storageClass: 'DoubleStorage' }) }),
      'UNSUPPORTED',
      /got torch\.DoubleStorage$/,
    ],
    [
      'an opcode',
      torchFile({ a: raw([0x69, 0x61, 0x0a, 0x62, 0x0a]) }),
      'UNSUPPORTED',
      /opcodes .* got INST$/,
    ],
    ['an unknown opcode', torchFile({ a: raw([0xff]) }), 'BAD_WEIGHT', /got 0xff at/],
    [
      'protocol 1',
      zipOf({ 'a/data.pkl': Uint8Array.of(0x80, 1, 0x2e) }),
      'UNSUPPORTED',
      /protocol .* = 2 to 5, got 1/,
    ],
    [
      'a transposed tensor',
      torchFile({ a: tensor({ ...saved, stride: [1, 2] }) }),
      'BAD_WEIGHT',
      /strides of a .* row-major, got \[1, 2\]/,
    ],
    [
      'a tensor beyond its storage',
      torchFile({ a: tensor({ ...saved, offset: 1, elements: 6 }) }),
      'BAD_WEIGHT',
      /a in model\.pt must be = within 6 values, got 7/,
    ],
    [
      'a storage of another size',
      torchFile({ a: tensor({ ...saved, elements: 7 }) }),
      'BAD_WEIGHT',
      /bytes of data\/0 .* = 28, got 24/,
    ],
    [
      'a storage that is not there',
      zipOf({ 'a/data.pkl': pickleOf({ a: matrix }) }),
      'BAD_WEIGHT',
      /data\/0 .* got no such entry/,
    ],
    [
      'big-endian storages',
      zipOf({
        'a/data.pkl': pickleOf({}),
        'a/byteorder': new TextEncoder().encode('big'),
      }),
      'UNSUPPORTED',
      /byte order .* = little, got big/,
    ],
    ['a tensor alone', torchFile(matrix), 'BAD_WEIGHT', /content .* a dict of tensors/],
    [
      'a list that is attributes of no dict',
      torchFile({ a: raw([...pickled([]).opcodes, ...pickled({}).opcodes, 0x62]) }),
      'BAD_WEIGHT',
      /attributes of dicts only/,
    ],
    [
      'another call of a known global',
      torchFile({
        a: raw([...global('torch._utils', '_rebuild_tensor_v2'), ...tuple(text('x')), 0x52]),
      }),
      'BAD_WEIGHT',
      /_rebuild_tensor_v2 with other values/,
    ],
    [
      'a key twice',
      torchFile({ a: raw([0x7d, 0x28, 0x4b, 1, 0x4e, ...text('1'), 0x4e, 0x75]) }),
      'BAD_WEIGHT',
      /keys that come once, got "1"/,
    ],
    [
      'an empty stack',
      zipOf({ 'a/data.pkl': Uint8Array.of(0x80, 2, 0x2e) }),
      'BAD_WEIGHT',
      /empty/,
    ],
    [
      'a cut pickle',
      zipOf({ 'a/data.pkl': pickleOf({ a: 1 }).subarray(0, -1) }),
      'BAD_WEIGHT',
      /an end where 1 bytes are due/,
    ],
    ['no pickle', zipOf({ 'a/b.pkl': new Uint8Array(1) }), 'BAD_WEIGHT', /= one, got 0/],
    [
      'compression',
      zipOf({ 'a/data.pkl': pickleOf({}) }, { method: 8 }),
      'BAD_WEIGHT',
      /stored, got compressed by method 8/,
    ],
    [
      'encryption',
      zipOf({ 'a/data.pkl': pickleOf({}) }, { flags: 1 }),
      'BAD_WEIGHT',
      /got encrypted/,
    ],
    [
      'the form before 1.6',
      Uint8Array.of(0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19),
      'UNSUPPORTED',
      /got the older form: load it and save it again with PyTorch/,
    ],
    ['another file', new TextEncoder().encode('<html>'), 'BAD_WEIGHT', /got another file/],
    ['an empty file', new Uint8Array(), 'BAD_WEIGHT', /got another file/],
    [
      'a cut file',
      torchFile({ a: matrix }).subarray(0, -1),
      'BAD_WEIGHT',
      /a whole zip archive, got one without an end/,
    ],
  ];
  test.each(cases)('%s', async (_name, content, code, message) => {
    await expect(open(content)).rejects.toMatchObject({ code });
    await expect(open(content)).rejects.toThrow(message);
  });

  test('dicts that refer to themselves or to each other again and again', async () => {
    const circle = [0x7d, 0x71, 0, ...text('a'), 0x68, 0, 0x73];
    await expect(open(torchFile(raw(circle)))).rejects.toThrow(/32 deep/);
    // Every list holds the one before ten times: 10^9 values.
    let nested: readonly number[] = pickled([]).opcodes;
    for (let level = 0; level < 9; level++)
      nested = [0x5d, 0x28, ...nested, 0x71, level, ...Array(9).fill([0x68, level]).flat(), 0x65];
    const wide = torchFile({ a: raw(nested) });
    await expect(open(wide)).rejects.toThrow(/at most 1000000/);
  });
});

test('no damage of a file makes anything but an error of ours', async () => {
  const state: Value = { model: { a: matrix, half }, list: [bfloat, 1.5, 'x', null, true] };
  for (const zip64 of [false, true]) {
    const good = torchFile(state, { zip64 });
    const below = randomNumbers(7);
    const outcomes = new Set<string>();
    for (let round = 0; round < 150; round++) {
      const file = good.slice(0, round % 5 === 0 ? below(good.length) : good.length);
      for (let k = below(4); k >= 0 && file.length > 0; k--) file[below(file.length)] = below(256);
      try {
        await open(file);
        outcomes.add('opened');
      } catch (error) {
        expect(TubeletError.isInstance(error), String(error)).toBe(true);
        outcomes.add((error as TubeletError).code);
      }
    }
    expect([...outcomes].sort()).toEqual(['BAD_WEIGHT', 'UNSUPPORTED', 'opened']);
  }
});
