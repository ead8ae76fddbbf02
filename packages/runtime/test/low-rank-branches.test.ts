import { embedding, type Graph, graph, linear, type Tensor } from '@tubelet/graph';
import {
  compile,
  type LowRankUpdate,
  lowRankBranches,
  mergedWeights,
  openDevice,
  readFloat32,
  readValues,
  type StoredTensor,
  upload,
  type Weights,
  weightsOf,
} from '@tubelet/runtime';
import { expect, it } from 'vitest';

const wave = (shape: readonly number[], step: number) => {
  const length = shape.reduce((a, b) => a * b, 1);
  return { shape, data: Float32Array.from({ length }, (_, i) => 0.5 * Math.sin(1 + i * step)) };
};
const [tokens, width] = [5, 6];

/** Every place a linear layer's weight may stand: fused, cut by rows, gated, activated, bound twice, and in a table. */
const layers = graph('layers', (g) => {
  const x = g.input('x', [g.symbol('tokens'), width]);
  const row = g.input('row', [g.symbol('tokens')], 'i32');
  const modulation = g.input('modulation', [2, width + 1]);
  const weight = (name: string, ...sources: readonly (readonly [string, number, number])[]) => {
    const rows = sources.reduce((sum, [, start, end]) => sum + end - start, 0);
    const stored = sources.map(([of, start, end]) => {
      return { names: [of], shape: [width, width], rows: [start, end] as const };
    });
    return g.weight(`${name}.weight`, [rows, width], { sources: stored });
  };
  const bias = g.weight('bias', [width]);
  const add = (name: string, y: Tensor) => g.output(name, y);
  add('fused', linear(x, weight('fused', ['a', 0, width], ['b', 2, 5])));
  const a = weight('a', ['a', 0, width]);
  const gate = { modulation, row, gateColumn: 1 };
  add('gated', linear(x, a, { ...gate, bias, residual: x }));
  add('active', linear(x, a, { activation: 'gelu_tanh', bias, residual: x }));
  add('both', linear(x, weight('b', ['b', 0, width]), { activation: 'silu', ...gate }));
  const table = weight('table', ['table', 0, width]);
  add('table', linear(embedding(row, table), table));
});

const stored = weightsOf({
  a: wave([width, width], 0.7),
  b: wave([width, width], 1.1),
  table: wave([width, width], 1.9),
  bias: wave([width], 0.3),
});
const factors = weightsOf({
  downA: wave([2, width], 0.9),
  upA: wave([width, 2], 1.3),
  down1: wave([1, width], 0.4),
  up1: wave([2 * width, 1], 2.1),
  up12: wave([2 * width, 2], 1.7),
});
const factor = (name: string): StoredTensor => factors.tensors.get(name)!;
const whole = (up: string, down: string, scale: number): LowRankUpdate => {
  return { up: factor(up), down: factor(down), scale, from: 0, at: 0, rows: width };
};

async function outputsOf(graph: Graph, weights: Weights) {
  using device = openDevice({ threads: 1 });
  const plan = await compile(device, graph, weights, { tokens });
  const inputs = {
    x: await upload(device, wave([tokens, width], 0.17).data),
    row: await upload(device, Int32Array.of(1, 0, 1, 0, 1)),
    modulation: await upload(device, wave([2, width + 1], 0.61).data),
  };
  const names = graph.outputs.map(({ name }) => name);
  const outputs = Object.fromEntries(
    names.map((name) => [name, device.allocate(4 * tokens * (name === 'fused' ? 9 : width))]),
  );
  await plan.run({ inputs, outputs }, { tokens });
  const values: Record<string, Float32Array> = {};
  for (const name of names) values[name] = await readFloat32(outputs[name]!);
  return { values, packedBytes: plan.packedBytes };
}

it('branches give what merged weights give, wherever the layer stands', async () => {
  const updates = new Map([
    ['a', [whole('upA', 'downA', 0.5), whole('up1', 'down1', -1.5)]],
    // Rows 3 to 5 of b have rows 7 to 9 of up.
    ['b', [{ ...whole('up1', 'down1', 2), from: 7, at: 3, rows: 2 }]],
    ['table', [whole('upA', 'downA', 1)]],
  ]);
  const plain = await outputsOf(layers, stored);
  const merged = await outputsOf(layers, mergedWeights(stored, updates));
  const branched = await lowRankBranches(layers, stored, updates);
  const found = await outputsOf(branched.graph, branched.weights);
  for (const [name, values] of Object.entries(found.values)) {
    const expected = merged.values[name]!;
    expect(values).not.toEqual(plain.values[name]);
    values.forEach((value, i) => {
      expect(Math.abs(value - expected[i]!)).toBeLessThan(2e-5);
    });
  }
  // The tables' and the gated activation's tensors are merged, the others stay.
  const same = (name: string) => branched.weights.tensors.get(name) === stored.tensors.get(name);
  expect(['a', 'b', 'table', 'bias'].map(same)).toEqual([true, false, false, true]);
});

it('rows with magnitudes are scaled to them, beside other updates, alone or as a branch', async () => {
  const magnitude = factor('up1');
  const scaled = { ...whole('upA', 'downA', 0.5), magnitude, from: 3, rows: 2, at: 1 };
  const both = new Map([['a', [{ ...scaled, up: factor('up12') }, whole('up1', 'down1', -1.5)]]]);
  const values = (name: string) => factors.tensors.get(name)!.store.read(0, 1e3);
  const of = async (name: string) => new Float32Array((await values(name)).buffer);
  const [up, down, up1, down1] = [
    await of('up12'),
    await of('downA'),
    await of('up1'),
    await of('down1'),
  ];
  const base = wave([width, width], 0.7).data;
  const expected = base.map((value, i) => {
    const [row, k] = [Math.floor(i / width), i % width];
    const plain = value - 1.5 * up1[row]! * down1[k]!;
    if (row < 1 || row > 2) return plain;
    const changed = Array.from({ length: width }, (_, k) => {
      const low = up[2 * (row + 2)]! * down[k]! + up[2 * (row + 2) + 1]! * down[width + k]!;
      return base[row * width + k]! + 0.5 * low;
    });
    return plain + (up1[row + 2]! / Math.hypot(...changed)) * changed[k]! - value;
  });
  const merged = mergedWeights(stored, both);
  const found = await readValues(merged, 'a');
  found.forEach((value, i) => {
    expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-5);
  });
  const branched = await lowRankBranches(layers, stored, both);
  const [a, b] = [
    await outputsOf(layers, merged),
    await outputsOf(branched.graph, branched.weights),
  ];
  expect(b.values).toEqual(a.values);
});

it('without updates the graph runs the same bytes', async () => {
  const { graph, weights } = await lowRankBranches(layers, stored, new Map());
  expect((await outputsOf(graph, weights)).values).toEqual(
    (await outputsOf(layers, stored)).values,
  );
});
