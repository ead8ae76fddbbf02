import { adaln, graph, linear, opTable, slice, TubeletError } from '@tubelet/graph';
import { loadAddon } from '@tubelet/native';
import { expect, test } from 'vitest';
import { randomNumbers } from './random-numbers.js';

const addon = loadAddon();

test('the ops of the addon are those of the graph builder', () => {
  const described = opTable.map((op) => ({
    name: op.stem,
    isView: op.view ?? false,
    isVariadic: op.variadic ?? false,
    inputs: Object.entries(op.inputs).map(([name, spec]) => ({
      name,
      kind: spec.replace('?', ''),
      optional: spec.endsWith('?'),
    })),
    attributes: Object.entries(op.attributes).map(([name, { type }]) => ({ name, type })),
  }));
  const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
  expect(described.sort(byName)).toEqual(addon.ops().toSorted(byName));
});

const small = graph('small', (g) => {
  const tokens = g.symbol('tokens');
  const x = g.input('x', [tokens, 8]);
  const row = g.input('row', [tokens], 'i32');
  const table = g.constant('table', new Float32Array(32), [2, 16]);
  const y = adaln(x, table, row, { epsilon: 1e-6, shiftColumn: 0, scaleColumn: 8 });
  g.output(
    'y',
    linear(slice(y, { axis: 1, start: 0, end: 4 }), g.weight('w', [3, 4]), { activation: 'silu' }),
  );
});

test('a graph crosses as it was built', () => {
  const parsed = new addon.Graph(small.bytes);
  expect(parsed.symbols).toEqual(['tokens']);
  expect(parsed.inputs.map(({ name, dtype, shape }) => [name, dtype, shape])).toEqual([
    ['x', 'f32', [-1, 8]],
    ['row', 'i32', [-1]],
  ]);
  expect(parsed.weights).toEqual([{ name: 'w', dtype: 'f32', shape: [3, 4] }]);
  expect(parsed.outputs).toEqual([{ name: 'y', dtype: 'f32', shape: [-1, 3] }]);
});

test('100,000 mutations of a graph are parsed or refused', () => {
  const random = randomNumbers(2);
  const extremes = [0, 1, 0x7f, 0x80, 0xff];
  let refused = 0;
  for (let i = 0; i < 100_000; i++) {
    const { length } = small.bytes;
    const bytes = small.bytes.slice(0, random(10) === 0 ? random(length + 1) : length);
    for (let k = 1 + random(4); k > 0 && bytes.length > 0; k--) {
      const at = random(bytes.length);
      const kinds = [
        random(256),
        extremes[random(5)],
        bytes[random(bytes.length)],
        bytes[at] ^ (1 << random(8)),
      ];
      bytes[at] = kinds[random(kinds.length)];
    }
    try {
      new addon.Graph(bytes).dispose();
    } catch (error) {
      if (!TubeletError.isInstance(error)) throw error;
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(20_000);
  expect(refused).toBeLessThan(100_000);
});
