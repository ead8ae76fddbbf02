import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { graph, linear, TubeletError } from '@tubelet/graph';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  compareWeights,
  compile,
  findNonFinite,
  openDevice,
  openWeights,
  readFloat32,
  readStored,
  readValues,
  requireWeights,
  resolveWeights,
  upload,
  weightsOf,
} from '../src/index.js';
import { bytesOf, type FileTensor, safetensorsFile } from './safetensors-file.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tubelet-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function put(name: string, content: Uint8Array | string | object): Promise<string> {
  const path = join(folder, name);
  await mkdir(join(path, '..'), { recursive: true });
  const isText = typeof content === 'string' || content instanceof Uint8Array;
  await writeFile(path, isText ? content : JSON.stringify(content));
  return path;
}

const f32 = (shape: readonly number[], values: readonly number[]): FileTensor => {
  return { dtype: 'F32', shape, data: bytesOf(Float32Array.from(values)) };
};
// 1.5, -2, 0.25, 1 in half and in bfloat.
const f16: FileTensor = {
  dtype: 'F16',
  shape: [2, 2],
  data: bytesOf(Uint16Array.of(0x3e00, 0xc000, 0x3400, 0x3c00)),
};
const bf16: FileTensor = {
  dtype: 'BF16',
  shape: [2, 2],
  data: bytesOf(Uint16Array.of(0x3fc0, 0xc000, 0x3e80, 0x3f80)),
};

describe('openWeights', () => {
  test('opens a file and reads stored bytes and values', async () => {
    const tensors = {
      a: f32([2], [1, 2]),
      half: f16,
      bfloat: bf16,
      ids: { dtype: 'I64', shape: [2], data: bytesOf(BigInt64Array.of(-3n, 4n)) },
      flags: { dtype: 'BOOL', shape: [3], data: Uint8Array.of(1, 0, 1) },
      tiny: { dtype: 'F16', shape: [3], data: bytesOf(Uint16Array.of(1, 0xfc00, 0x7e00)) },
      small: { dtype: 'F8_E8M0', shape: [1], data: Uint8Array.of(0) },
    };
    const weights = await openWeights(
      await put('all.safetensors', safetensorsFile(tensors, { from: 'here' })),
    );
    expect(weights.metadata.get('from')).toBe('here');
    expect(weights.tensors.get('half')).toMatchObject({ dtype: 'F16', shape: [2, 2], bytes: 8 });
    expect(await readStored(weights, 'a')).toEqual(tensors.a.data);
    expect([...(await readValues(weights, 'half'))]).toEqual([1.5, -2, 0.25, 1]);
    expect([...(await readValues(weights, 'bfloat'))]).toEqual([1.5, -2, 0.25, 1]);
    expect([...(await readValues(weights, 'ids'))]).toEqual([-3, 4]);
    expect([...(await readValues(weights, 'flags'))]).toEqual([1, 0, 1]);
    expect([...(await readValues(weights, 'tiny'))]).toEqual([2 ** -24, -Infinity, Number.NaN]);
    await expect(readValues(weights, 'small')).rejects.toThrow(/dtype of "small" .* got F8_E8M0/);
    await expect(readStored(weights, 'none')).rejects.toMatchObject({ code: 'BAD_WEIGHT' });
  });

  test('multiplies float8 weights by their scales, of the whole tensor or of each row', async () => {
    const f32 = (...values: number[]) => bytesOf(Float32Array.from(values));
    const data = Uint8Array.of(0x38, 0x39, 0x40, 0xb8, 0x08, 0x7e);
    const weight = { dtype: 'F8_E4M3', shape: [2, 3], data };
    const plain = [1, 1.125, 2, -1, 2 ** -6, 448];
    const tensors = {
      scaled_fp8: { dtype: 'F8_E4M3', shape: [2], data: Uint8Array.of(0, 0) },
      'a.weight': weight,
      'a.scale_weight': { dtype: 'F32', shape: [1], data: f32(0.3) },
      'a.scale_input': { dtype: 'F32', shape: [1], data: f32(7) },
      'b.weight': weight,
      'b.weight_scale': { dtype: 'F32', shape: [2, 1], data: f32(0.5, 3) },
      'b.input_scale': { dtype: 'F32', shape: [], data: f32(7) },
      'c.weight': weight,
      'd.weight': { dtype: 'F32', shape: [1], data: f32(2) },
      'e.weight': weight,
      'e.weight_scale': { dtype: 'F32', shape: [3], data: f32(1, 2, 3) },
    };
    const weights = await openWeights(await put('scaled.safetensors', safetensorsFile(tensors)));
    const names = ['a.weight', 'b.weight', 'c.weight', 'd.weight', 'e.weight', 'e.weight_scale'];
    expect([...weights.tensors.keys()].sort()).toEqual(names);
    const values = (name: string) => readValues(weights, name);
    expect(await values('a.weight')).toEqual(
      Float32Array.from(plain, (value) => value * Math.fround(0.3)),
    );
    const rows = plain.map((value, i) => value * (i < 3 ? 0.5 : 3));
    expect(await values('b.weight')).toEqual(Float32Array.from(rows));
    expect(await values('c.weight')).toEqual(Float32Array.from(plain));
    const { store, dtype } = weights.tensors.get('b.weight')!;
    expect(dtype).toBe('F32');
    expect(await store.read(6, 11)).toEqual(bytesOf(Float32Array.from(rows)).slice(6, 17));
    using device = openDevice({ threads: 1 });
    expect(await readFloat32(await store.bufferOn(device))).toEqual(Float32Array.from(rows));
  });

  test('sees float8 values as bfloat16, every one of them', async () => {
    const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const tensors = {
      e4m3: { dtype: 'F8_E4M3', shape: [16, 16], data: all },
      e5m2: { dtype: 'F8_E5M2', shape: [256], data: all },
    };
    const weights = await openWeights(await put('float8.safetensors', safetensorsFile(tensors)));
    expect(weights.tensors.get('e4m3')).toMatchObject({
      dtype: 'BF16',
      shape: [16, 16],
      bytes: 512,
    });
    // Smallest, largest below one step of 1, one, largest, its negative, NaN.
    const some = (values: Float32Array, ...at: number[]) => at.map((byte) => values[byte]);
    const e4m3 = await readValues(weights, 'e4m3');
    expect(some(e4m3, 0, 1, 7, 8, 0x38, 0x39, 0x7e, 0xfe)).toEqual([
      0,
      2 ** -9,
      7 * 2 ** -9,
      2 ** -6,
      1,
      1.125,
      448,
      -448,
    ]);
    expect(some(e4m3, 0x7f, 0xff)).toEqual([Number.NaN, Number.NaN]);
    const e5m2 = await readValues(weights, 'e5m2');
    expect(some(e5m2, 1, 3, 4, 0x3c, 0x3d, 0x7b, 0xfb)).toEqual([
      2 ** -16,
      3 * 2 ** -16,
      2 ** -14,
      1,
      1.25,
      57_344,
      -57_344,
    ]);
    expect(some(e5m2, 0x7c, 0xfc, 0x7d)).toEqual([Infinity, -Infinity, Number.NaN]);
    expect(await findNonFinite(weights)).toEqual(['e4m3', 'e5m2']);
    const layer = graph('layer', (g) => {
      g.output('y', linear(g.input('x', [1, 16]), g.weight('e4m3', [16, 16])));
    });
    using device = openDevice({ threads: 1 });
    const plan = await compile(device, layer, weights);
    const x = await upload(
      device,
      Float32Array.from({ length: 16 }, (_, i) => (i === 9 ? 1 : 0)),
    );
    const y = device.allocate(64);
    await plan.run({ inputs: { x }, outputs: { y } });
    const column = Array.from({ length: 15 }, (_, row) => e4m3[16 * row + 9]);
    expect([...(await readFloat32(y))].slice(0, 7)).toEqual(column.slice(0, 7));
  });

  test('opens several files, a folder, and a sharded index', async () => {
    const one = await put(
      'shards/model-1.safetensors',
      safetensorsFile({ a: f32([1], [1]), unused: f32([1], [9]) }),
    );
    const two = await put('shards/model-2.safetensors', safetensorsFile({ b: f32([1], [2]) }));
    const map = { a: 'model-1.safetensors', b: './model-2.safetensors' };
    const index = await put('shards/model.safetensors.index.json', { weight_map: map });
    expect([...(await openWeights(index)).tensors.keys()]).toEqual(['a', 'b']);
    expect([...(await openWeights(join(folder, 'shards'))).tensors.keys()]).toEqual(['a', 'b']);
    expect([...(await openWeights([one, two])).tensors.keys()]).toEqual(['a', 'unused', 'b']);
    await expect(openWeights([one, one])).rejects.toThrow(/tensor "a" must be = in one file, got/);
  });

  test('takes the file without a variant from a folder', async () => {
    await put('variants/model.fp16.safetensors', safetensorsFile({ a: f16 }));
    await expect(openWeights(join(folder, 'variants'))).resolves.toMatchObject({});
    await put('variants/model.safetensors', safetensorsFile({ a: f32([1], [1]) }));
    expect((await openWeights(join(folder, 'variants'))).tensors.get('a')?.dtype).toBe('F32');
    await put('variants/other.safetensors', safetensorsFile({}));
    await expect(openWeights(join(folder, 'variants'))).rejects.toThrow(
      /must hold = one safetensors file or index, got model.fp16.safetensors, model.safetensors, other/,
    );
    await mkdir(join(folder, 'empty'));
    await expect(openWeights(join(folder, 'empty'))).rejects.toThrow(/or index, got none$/);
  });

  test('says what is wrong with files and indices', async () => {
    await expect(openWeights(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'IO' });
    await expect(openWeights([join(folder, 'nowhere')])).rejects.toThrow(
      /must be = readable, got ENOENT/,
    );
    await expect(openWeights([folder])).rejects.toMatchObject({ code: 'IO' });
    const short = await put('short.safetensors', new Uint8Array(3));
    await expect(openWeights(short)).rejects.toThrow(/at least 8 bytes, got 3/);

    const index = (weight_map: unknown) => put('bad/model.safetensors.index.json', { weight_map });
    await put('bad/here.safetensors', safetensorsFile({ a: f32([1], [1]) }));
    const gone = await index({ a: 'here.safetensors', b: 'x.safetensors', c: 'y.safetensors' });
    await expect(openWeights(gone)).rejects.toThrow(
      /shards of .* got none of .*x.safetensors, .*y.safetensors/,
    );
    const lacking = await index({ a: 'here.safetensors', b: 'here.safetensors' });
    await expect(openWeights(lacking)).rejects.toThrow(
      /must be = the shard its index says, got none of b/,
    );
    for (const file of [
      '../all.safetensors',
      '/etc/passwd',
      'a/../../x',
      '',
      '.',
      '..\\x',
      'c:x',
      'a\0',
    ]) {
      await expect(openWeights(await index({ a: file })), file).rejects.toThrow(
        /must be = in its folder/,
      );
    }
    for (const map of [undefined, null, [], {}, { a: 1 }, 'text']) {
      await expect(openWeights(await index(map))).rejects.toThrow(
        /must be = an object of file names/,
      );
    }
    const twice = await put('twice.json', '{"weight_map":{"a":"x","a":"y"}}');
    await expect(openWeights(twice)).rejects.toThrow(/without duplicate keys, got "a"/);
    await expect(openWeights(await put('text.json', 'no'))).rejects.toThrow(/must be = JSON/);
  });
});

/** y = x·Wᵀ + b with W `[4, 2]` in two stored halves. */
function linearGraph() {
  return graph('linear', (g) => {
    const x = g.input('x', [g.symbol('tokens'), 2]);
    const sources = ['q', 'k'].map((name) => ({ names: [`${name}.weight`, name], shape: [2, 2] }));
    const weight = g.weight('qk', [4, 2], { sources });
    const bias = g.weight('bias', [4], {
      sources: [{ names: ['bias'], shape: [6], rows: [1, 5] }],
    });
    g.output('y', linear(x, weight, { bias }));
  });
}

describe('weights of a graph', () => {
  const bias = f32([6], [99, 10, 20, 30, 40, 99]);

  test('come from stored tensors of any float type, by alias, in rows', async () => {
    using device = openDevice({ threads: 1 });
    // An odd byte in front: nothing after it is aligned.
    const odd = { dtype: 'U8', shape: [1], data: Uint8Array.of(1) };
    for (const [first, second] of [
      [f16, bf16],
      [f32([2, 2], [1.5, -2, 0.25, 1]), f16],
    ]) {
      const file = safetensorsFile({ odd, 'q.weight': first, k: second, bias });
      const weights = await openWeights(await put('linear.safetensors', file));
      const plan = await compile(device, linearGraph(), weights, { tokens: 3 });
      const inputs = { x: await upload(device, Float32Array.of(1, 0, 0, 1, 2, 2)) };
      const outputs = { y: device.allocate(3 * 4 * 4) };
      await plan.run({ inputs, outputs }, { tokens: 3 });
      expect([...(await readFloat32(outputs.y))]).toEqual([
        11.5, 20.25, 31.5, 40.25, 8, 21, 28, 41, 9, 22.5, 29, 42.5,
      ]);
    }
  });

  test('that are missing, misshapen or no floats are listed', async () => {
    const ids = { dtype: 'I64', shape: [6], data: new Uint8Array(48) };
    const file = safetensorsFile({ k: f32([4], [1, 2, 3, 4]), bias: ids, extra: f16 });
    const weights = await openWeights(await put('wrong.safetensors', file));
    expect(() => resolveWeights(linearGraph(), weights)).toThrow(
      'wrong.safetensors must be = the 3 of linear, got 1 missing: q.weight or q; ' +
        '1 misshapen: k [4] instead of [2, 2]; 1 not F32, F16 or BF16: bias I64',
    );
    const many = graph('many', (g) => {
      const x = g.input('x', [1, 1]);
      for (let i = 0; i < 12; i++) g.output(`y${i}`, linear(x, g.weight(`w${i}`, [1, 1])));
    });
    expect(() => resolveWeights(many, weights)).toThrow(/12 missing: w0, .*, w9 and 2 more$/);
    await expect(
      (async () => {
        using device = openDevice({ threads: 1 });
        await compile(device, linearGraph(), weights, { tokens: 1 });
      })(),
    ).rejects.toMatchObject({ code: 'BAD_WEIGHT', op: 'weights' });
  });

  test('must all be used, but for those to ignore', async () => {
    const weights = weightsOf(
      Object.fromEntries(
        ['q', 'k.weight', 'bias', 'ema.q', 'step'].map((name) => [
          name,
          { shape: [], data: new Float32Array(1) },
        ]),
      ),
    );
    const graphs = [linearGraph()];
    const faults = { missing: [], mistyped: [], unused: ['ema.q', 'step'] };
    expect(compareWeights(graphs, weights, { ignore: [] })).toMatchObject(faults);
    expect(() => requireWeights(graphs, weights, { ignore: [] })).toThrow(
      /3 misshapen: q \[\] instead of \[2, 2\], .*; 2 unused: ema\.q, step$/,
    );
    expect(compareWeights(graphs, weights, { ignore: ['step', /^ema\./] }).unused).toEqual([]);
    expect(compareWeights(graphs, weights).unused).toEqual([]);
  });

  test('that change on disk after they were opened are refused', async () => {
    using device = openDevice({ threads: 1 });
    const file = safetensorsFile({ q: f16, k: f16, bias });
    const path = await put('changed.safetensors', file);
    const weights = await openWeights(path);
    await writeFile(path, file.subarray(0, file.length - 4));
    const compiled = compile(device, linearGraph(), weights, { tokens: 1 });
    await expect(compiled).rejects.toThrow(
      /changed.safetensors must be = \d+ bytes, as when it was opened/,
    );
  });

  test('in memory must have the values of their shape', () => {
    expect(() => weightsOf({ a: { shape: [2, 2], data: new Float32Array(3) } })).toThrow(
      TubeletError,
    );
  });
});

test('findNonFinite names the tensors with NaN or infinity', async () => {
  const long = new Float32Array(1 << 21);
  long[long.length - 1] = Number.NaN;
  const tensors = {
    fine: f32([3], [1, -1e38, 1e-45]),
    half: { ...f16, data: bytesOf(Uint16Array.of(0x3e00, 0x7c00, 0, 0)) },
    bfloat: { ...bf16, data: bytesOf(Uint16Array.of(0x3e00, 0, 0, 0xff81)) },
    double: { dtype: 'F64', shape: [2], data: bytesOf(Float64Array.of(1, -Infinity)) },
    doubles: { dtype: 'F64', shape: [2], data: bytesOf(Float64Array.of(1e300, Number.MAX_VALUE)) },
    ids: { dtype: 'I32', shape: [1], data: bytesOf(Int32Array.of(0x7f800000)) },
  };
  const weights = await openWeights(await put('nan.safetensors', safetensorsFile(tensors)));
  expect(await findNonFinite(weights)).toEqual(['bfloat', 'double', 'half']);
  expect(await findNonFinite(weights, ['fine', 'half'])).toEqual(['half']);
  expect(await findNonFinite(weightsOf({ long: { shape: [1 << 21], data: long } }))).toEqual([
    'long',
  ]);
});
