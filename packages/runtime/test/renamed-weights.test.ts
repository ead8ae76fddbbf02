import { graph, linear } from '@tubelet/graph';
import { describe, expect, test } from 'vitest';
import {
  compile,
  type LowRankUpdate,
  mergedWeights,
  openDevice,
  readFloat32,
  readValues,
  renamedWeights,
  upload,
  weightsOf,
} from '../src/index.js';

const wave = (length: number, step: number) =>
  Float32Array.from({ length }, (_, i) => Math.sin(1 + i * step));
const matrix = (rows: number, columns: number, step = 0.7) => ({
  shape: [rows, columns],
  data: wave(rows * columns, step),
});

describe('renamedWeights', () => {
  const weights = weightsOf({
    fused: matrix(6, 2),
    turned: matrix(4, 3),
    plain: matrix(2, 2),
    other: matrix(1, 1),
  });
  const renamed = renamedWeights(
    weights,
    new Map([
      [
        'fused',
        [
          { name: 'q', rows: 1 },
          { name: 'k', rows: 3 },
          { name: 'v', rows: 2 },
        ],
      ],
      [
        'turned',
        [
          { name: 'halves', rows: 2, at: 2 },
          { name: 'halves', rows: 2 },
        ],
      ],
      ['plain', [{ name: 'p', rows: 2 }]],
      ['absent', [{ name: 'a', rows: 2 }]],
    ]),
  );

  test('splits by rows, puts rows in another order, and leaves the rest', async () => {
    expect([...renamed.tensors.keys()].sort()).toEqual(['halves', 'k', 'other', 'p', 'q', 'v']);
    expect(renamed.tensors.get('k')).toMatchObject({ shape: [3, 2], elements: 6, bytes: 24 });
    expect(await readValues(renamed, 'k')).toEqual(wave(12, 0.7).slice(2, 8));
    const turned = wave(12, 0.7);
    const halves = Float32Array.of(...turned.slice(6), ...turned.slice(0, 6));
    expect(await readValues(renamed, 'halves')).toEqual(halves);
    const { store } = renamed.tensors.get('halves')!;
    expect(new Float32Array((await store.read(8, 8)).buffer)).toEqual(halves.slice(2, 4));
  });

  test('gives weights of a graph', async () => {
    using device = openDevice({ threads: 1 });
    const layer = graph('layer', (g) => {
      g.output('y', linear(g.input('x', [1, 3]), g.weight('halves', [4, 3])));
    });
    const plan = await compile(device, layer, renamed);
    const y = device.allocate(16);
    const x = await upload(device, Float32Array.of(0, 1, 0));
    await plan.run({ inputs: { x }, outputs: { y } });
    const turned = wave(12, 0.7);
    const expected = [7, 10, 1, 4].map((i) => turned[i]);
    expect([...(await readFloat32(y))]).toEqual(expected);
  });

  test('lists what has other rows', () => {
    const names = new Map([
      ['plain', [{ name: 'p', rows: 3 }]],
      ['other', [{ name: 'o', rows: 2 }]],
    ]);
    expect(() => renamedWeights(weights, names)).toThrow(
      /2 misshapen: plain \[2, 2\] instead of 3 rows, other \[1, 1\] instead of 2 rows/,
    );
  });
});

describe('mergedWeights', () => {
  test('are the same on a device as read, of several updates and some rows, in chunks', async () => {
    const [rows, width] = [5, 1_500_000];
    const weights = weightsOf({ w: matrix(rows, width, 1e-3), other: matrix(2, 2) });
    const factors = weightsOf({
      up: { shape: [5, 1], data: Float32Array.of(1, 2, 3, 4, 5) },
      down: matrix(1, width, 2e-3),
      up2: { shape: [4, 2], data: wave(8, 0.3) },
      down2: matrix(2, width, 3e-3),
    });
    const of = (name: string) => factors.tensors.get(name)!;
    const updates: LowRankUpdate[] = [
      { up: of('up'), down: of('down'), scale: 0.5, from: 0, at: 0, rows: 5 },
      { up: of('up2'), down: of('down2'), scale: -1, from: 1, at: 2, rows: 2 },
    ];
    const merged = mergedWeights(weights, new Map([['w', updates]]));
    expect(merged.tensors.get('other')).toBe(weights.tensors.get('other'));
    const w = merged.tensors.get('w')!;
    expect(w).toMatchObject({ dtype: 'F32', shape: [rows, width], elements: rows * width });

    using device = openDevice({ threads: 2 });
    const onDevice = await readFloat32(await w.store.bufferOn(device));
    const [base, one, two] = [1e-3, 2e-3, 3e-3].map(
      (step) => (i: number) => Math.sin(1 + i * step),
    );
    const [up, up2] = [Float32Array.of(1, 2, 3, 4, 5), wave(8, 0.3)];
    for (const [row, column] of [
      [0, 0],
      [1, 77],
      [2, 0],
      [2, width - 1],
      [3, 123_456],
      [4, width - 1],
    ]) {
      const second =
        row === 2 || row === 3
          ? [0, 1].map((r) => up2[2 * (row - 1) + r] * two(r * width + column))
          : [0, 0];
      const expected =
        base(row * width + column) + 0.5 * up[row] * one(column) - second[0] - second[1];
      const at = row * width + column;
      expect(onDevice[at]).toBeCloseTo(expected, 4);
      const [read] = new Float32Array((await w.store.read(4 * at, 4)).buffer);
      expect(read).toBeCloseTo(onDevice[at], 5);
    }
  });
});
