import { expect, it } from 'vitest';
import { ceilingPercent, copySize } from '../src/ceiling.js';
import { compileTime, type StageTimes } from '../src/generate.js';
import { optionDefinitions, readOptions } from '../src/options.js';
import { ownRow } from '../src/report.js';
import { table } from '../src/table.js';

it('has a line per row and only columns that some row fills', () => {
  const lines = table([
    { ...ownRow('one', 'f32', 12.345), peer: 'other', peerMs: 24.69, ratio: 2 },
    ownRow('second', 'bf16', 1234.5, { details: { 'GFLOP/s': 0 } }),
  ]).split('\n');
  expect(lines).toEqual([
    'work    dtype  ours ms  peer   peer ms  ratio  GFLOP/s',
    'one     f32       12.3  other     24.7   2.00',
    'second  bf16      1235                            0.00',
  ]);
});

it('compares with arithmetic or with copying, whichever takes longer', () => {
  const ceiling = { f32Gflops: 100, bf16Gflops: 200, copies: [{ bytes: 65536, gbs: 10 }] };
  const work = { flops: 1e9, milliseconds: 20 };
  expect(ceilingPercent(ceiling, { ...work, dtype: 'f32' })).toBeCloseTo(50);
  expect(ceilingPercent(ceiling, { ...work, dtype: 'bf16' })).toBeCloseTo(25);
  expect(ceilingPercent(ceiling, { ...work, bytes: 1.5e8, dtype: 'f32' })).toBeCloseTo(75);
  const withoutBf16 = { f32Gflops: 100, copies: [] };
  expect(ceilingPercent(withoutBf16, { ...work, dtype: 'bf16' })).toBeCloseTo(50);
});

it('rounds sizes of copies to powers of two within 64 KiB and 256 MiB', () => {
  expect([1, 65_537, 2 ** 40].map(copySize)).toEqual([65_536, 131_072, 2 ** 28]);
});

it('counts as compiling what the first video took more outside of denoising', () => {
  const second: StageTimes = {
    totalMs: 100,
    textMs: 10,
    prepareMs: 1,
    denoiseMs: 50,
    decodeMs: 20,
    writeMs: 5,
  };
  const first = { ...second, textMs: 15, prepareMs: 31, denoiseMs: 80, decodeMs: 19 };
  expect(compileTime(first, second)).toBe(35);
});

it('refuses options that mean nothing, naming them', () => {
  const defaults = {
    rounds: optionDefinitions.rounds.default,
    seconds: optionDefinitions.seconds.default,
    model: optionDefinitions.model.default,
    precision: optionDefinitions.precision.default,
    images: optionDefinitions.images.default,
    pixels: optionDefinitions.pixels.default,
  };
  expect(readOptions(defaults, ['add'])).toMatchObject({
    models: ['DiT-S/2', 'DiT-B/2'],
    precisions: ['f32', 'bf16', 'int8'],
    words: ['add'],
  });
  expect(() => readOptions({ ...defaults, rounds: '0' }, [])).toThrow('--rounds');
  expect(() => readOptions({ ...defaults, threads: 'two' }, [])).toThrow('--threads');
  expect(() => readOptions({ ...defaults, model: 'DiT-Q/2' }, [])).toThrow('--model');
  expect(() => readOptions({ ...defaults, precision: 'f64' }, [])).toThrow('--precision');
});
