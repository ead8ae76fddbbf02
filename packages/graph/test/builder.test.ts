import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  activation,
  add,
  columns,
  describe,
  encodeDim,
  GraphBuilder,
  graph,
  linear,
  opTable,
  TubeletError,
} from '../src/index.js';

/** Reads the wire form again, as native/core does. */
function decode(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const u8 = () => view.getUint8(at++);
  const u32 = () => {
    at += 4;
    return view.getUint32(at - 4, true);
  };
  const i64 = () => {
    at += 8;
    return Number(view.getBigInt64(at - 8, true));
  };
  const f64 = () => {
    at += 8;
    return view.getFloat64(at - 8, true);
  };
  const block = () => {
    const size = u32();
    at += size;
    return bytes.slice(at - size, at);
  };
  const string = () => new TextDecoder().decode(block());
  const list = <T>(read: () => T) => Array.from({ length: u32() }, read);
  const result = {
    magic: u32(),
    version: u32(),
    symbols: list(string),
    tensors: list(() => {
      const tensor = { name: string(), kind: u8(), dtype: u8() };
      const dims = Array.from({ length: u8() }, i64);
      return { ...tensor, dims, data: tensor.kind === 3 ? block() : undefined };
    }),
    nodes: list(() => ({
      op: string(),
      name: string(),
      inputs: list(u32),
      outputs: list(u32),
      attributes: list((): [string, number | string] => [string(), u8() === 1 ? string() : f64()]),
    })),
    inputs: list(u32),
    outputs: list(u32),
  };
  return { ...result, rest: bytes.length - at };
}

test('the wire form says everything, in order', () => {
  const built = graph('small', (g) => {
    const tokens = g.symbol('tokens');
    const x = g.input('x', [tokens, 3]);
    const y = linear(x, g.weight('né.weight', [4, 3]), {
      activation: 'silu',
    });
    g.output('left', columns(add(y, g.constant('bias', Float32Array.of(1, 2, 3, 4))), 0, 2));
  });
  const wire = decode(built.bytes);
  expect(wire).toMatchObject({ magic: 0x474c4254, version: 1, rest: 0, symbols: ['tokens'] });
  expect(wire.tensors.map(({ name, kind, dtype, dims }) => [name, kind, dtype, dims])).toEqual([
    ['x', 1, 0, [-1, 3]],
    ['né.weight', 2, 0, [4, 3]],
    ['né', 0, 0, [-1, 4]],
    ['bias', 3, 0, [4]],
    ['add', 0, 0, [-1, 4]],
    ['left', 0, 0, [-1, 2]],
  ]);
  expect(new Float32Array(wire.tensors[3].data!.buffer)).toEqual(Float32Array.of(1, 2, 3, 4));
  const absent = 0xffffffff;
  expect(wire.nodes).toEqual([
    {
      op: 'linear',
      name: 'né',
      inputs: [0, 1, absent, absent, absent, absent],
      outputs: [2],
      attributes: [
        ['activation', 'silu'],
        ['gateColumn', 0],
      ],
    },
    { op: 'add', name: 'add', inputs: [2, 3], outputs: [4], attributes: [] },
    {
      op: 'slice',
      name: 'slice',
      inputs: [4],
      outputs: [5],
      attributes: [
        ['axis', 1],
        ['start', 0],
        ['end', 2],
      ],
    },
  ]);
  expect([wire.inputs, wire.outputs]).toEqual([[0], [5]]);
});

test('more than the first buffer holds is encoded too', () => {
  const data = Float32Array.from({ length: 5000 }, (_, i) => i);
  const built = graph('large', (g) => g.output('out', columns(g.constant('c', data), 1, 4999)));
  const wire = decode(built.bytes);
  expect(new Float32Array(wire.tensors[0].data!.buffer)).toEqual(data);
  expect(wire.rest).toBe(0);
});

test('symbols are -1-k', () => {
  const g = new GraphBuilder('g');
  g.symbol('tokens');
  expect([encodeDim(7), encodeDim(g.symbol('rows')), encodeDim(g.symbol('tokens'))]).toEqual([
    7, -2, -1,
  ]);
});

test('a weight of several stored tensors lists its sources', () => {
  const g = new GraphBuilder('g');
  const qkv = g.weight('to_qkv.weight', [9, 3], {
    sources: ['to_q', 'to_k', 'to_v'].map((name) => ({ names: [`${name}.weight`], shape: [3, 3] })),
  });
  const half = g.weight('half', [2, 3], {
    sources: [{ names: ['all'], shape: [5, 3], rows: [1, 3] }],
  });
  const patch = g.weight('patch', [6, 8], { storedShape: [6, 2, 1, 2, 2], aliases: ['old.patch'] });
  expect(g.weight('patch', [6, 8])).toBe(patch);
  g.output('qkv', activation(qkv, 'silu'));
  g.output('half', activation(half, 'silu'));
  expect(g.build().weights).toMatchObject([
    {
      name: 'to_qkv.weight',
      sources: [{ names: ['to_q.weight'] }, {}, { names: ['to_v.weight'] }],
    },
    { name: 'half', sources: [{ names: ['all'], shape: [5, 3], rows: [1, 3] }] },
    { name: 'patch', sources: [{ names: ['patch', 'old.patch'], shape: [6, 2, 1, 2, 2] }] },
  ]);
});

test('what does not fit together is refused', () => {
  const g = new GraphBuilder('g');
  const x = g.input('x', [2]);
  expect(() => g.input('x', [2])).toThrow('[graph] input name must be = unused, got x');
  expect(() => g.weight('w', [4, 3], { storedShape: [4, 4] })).toThrow(
    '[graph] elements of weight w must be = 12, got 16',
  );
  g.weight('w2', [4, 3]);
  expect(() => g.weight('w2', [3, 4])).toThrow(
    '[graph] shape of weight w2 must be = [4, 3], got [3, 4]',
  );
  expect(() => g.constant('c', new Int32Array(3), [2])).toThrow(
    '[graph] elements of constant c must be = 2, got 3',
  );
  expect(() => g.output('w', g.weight('w2', [4, 3]))).toThrow(
    '[graph] output w must be = computed, constant or an input, got the weight "w2"',
  );
  expect(() => g.build()).toThrow('[graph] outputs must be = at least one, got 0');
  expect(() => new GraphBuilder('other').output('x', x)).toThrow('a tensor of this graph');
  expect(() => new GraphBuilder('other').input('y', [g.symbol('tokens')])).toThrow(
    '[graph] symbol in y',
  );
});

test('describe shows one line per node with layer or scope, non-default attributes and shape', () => {
  const built = graph('mlp', (g) => {
    const x = g.input('x', [g.symbol('tokens'), 3]);
    const h = linear(x, g.weight('mlp.fc.weight', [3, 3]), { activation: 'relu' });
    g.output(
      'y',
      g.scope('mlp', () => g.scope('head', () => add(columns(h, 0, 2), columns(h, 1, 2)))),
    );
  });
  expect(describe(built)).toBe(
    [
      'graph mlp: nodes 4, weights 1',
      'input x f32 [tokens, 3]',
      'mlp.fc = linear(x, weight=mlp.fc.weight, activation=relu) [tokens, 3]',
      'mlp.head.slice = slice(mlp.fc, axis=1, start=0, end=2) [tokens, 2]',
      'mlp.head.slice_2 = slice(mlp.fc, axis=1, start=1, end=3) [tokens, 2]',
      'mlp.head.add = add(mlp.head.slice, b=mlp.head.slice_2) [tokens, 2]',
      'output y = mlp.head.add [tokens, 2]',
    ].join('\n'),
  );
});

test('node names are unique', () => {
  const g = new GraphBuilder('g');
  const x = g.input('x', [2, 4]);
  g.output('out', columns(columns(x, 0, 2), 0, 1));
  expect(g.build().nodes.map((node) => node.name)).toEqual(['slice', 'slice_2']);
});

test('the table has one file per op and no file without its op', () => {
  const files = readdirSync(new URL('../src/ops/', import.meta.url)).map((f) =>
    f.replace('.ts', ''),
  );
  expect(opTable.map((op) => op.stem).sort()).toEqual(files.sort());
});

test('an error is known by its brand, whatever copy of the package it is from', () => {
  const error = new TubeletError('BAD_INPUT', 'op', 'what must be = a, got b', { cause: 1 });
  expect(TubeletError.isInstance(error)).toBe(true);
  expect(
    TubeletError.isInstance(Object.assign(new Error(), { [Symbol.for('tubelet.error')]: true })),
  ).toBe(true);
  expect(TubeletError.isInstance(new Error('x'))).toBe(false);
  expect(error).toMatchObject({
    message: '[op] what must be = a, got b',
    code: 'BAD_INPUT',
    op: 'op',
    cause: 1,
  });
});
