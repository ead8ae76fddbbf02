import { attention, columns, graph, linear, TubeletError } from '@tubelet/graph';
import { afterAll, describe, expect, test } from 'vitest';
import {
  compile,
  fastestPrecision,
  openDevice,
  previewPlan,
  readFloat32,
  upload,
  weightsOf,
} from '../src/index.js';
import { adalnChain, adalnReference, weightedGraph } from './graphs.js';

const device = openDevice({ threads: 2 });
afterAll(() => device.dispose());
const none = weightsOf({});

function ramp(length: number, step: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => Math.sin(i * step));
}

async function chain(nodes: number, width: number, tokens: number) {
  const plan = await compile(device, adalnChain(nodes, width), none, { tokens });
  return {
    plan,
    inputs: {
      x: await upload(device, ramp(tokens * width, 0.37)),
      modulation: await upload(device, ramp(2 * width, 0.11)),
      row: await upload(device, new Int32Array(tokens)),
    },
    outputs: { y: device.allocate(tokens * width * 4) },
  };
}

describe('a run', () => {
  test('computes the graph, at capacity and below it', async () => {
    const { plan, inputs, outputs } = await chain(1, 7, 5);
    for (const tokens of [5, 1, 3, 0]) {
      await plan.run({ inputs, outputs }, { tokens });
      const y = await readFloat32(outputs.y, tokens * 7);
      for (let t = 0; t < tokens; t++) {
        const expected = adalnReference(ramp(35, 0.37).slice(7 * t, 7 * t + 7), ramp(14, 0.11));
        y.slice(7 * t, 7 * t + 7).forEach((value, d) => {
          expect(value).toBeCloseTo(expected[d], 5);
        });
      }
    }
  });

  test('is in call order with writes and reads, without awaiting', async () => {
    const { plan, inputs, outputs } = await chain(1, 16, 4);
    const results = [new Float32Array(64), new Float32Array(64)];
    const work = results.flatMap((target, i) => [
      inputs.x.write(ramp(64, i + 1)),
      plan.run({ inputs, outputs }, { tokens: 4 }),
      outputs.y.read(target),
    ]);
    await Promise.all(work);
    for (const [i, result] of results.entries()) {
      const expected = adalnReference(ramp(64, i + 1).slice(0, 16), ramp(32, 0.11));
      result.slice(0, 16).forEach((value, d) => {
        expect(value).toBeCloseTo(expected[d], 4);
      });
    }
  });

  test('reads weights from memory and gives their rows', async () => {
    const table = ramp(8, 0.9);
    const weights = weightsOf({ table: { shape: [1, 8], data: table } });
    const plan = await compile(device, weightedGraph(4), weights, { tokens: 1 });
    const x = ramp(4, 2);
    const inputs = { x: await upload(device, x), row: await upload(device, new Int32Array(1)) };
    const outputs = { y: device.allocate(16) };
    await plan.run({ inputs, outputs }, { tokens: 1 });
    const expected = adalnReference(x, table);
    (await readFloat32(outputs.y)).forEach((value, d) => {
      expect(value).toBeCloseTo(expected[d], 5);
    });
  });

  test('takes views of buffers', async () => {
    const { plan, inputs, outputs } = await chain(1, 8, 4);
    await plan.run({ inputs, outputs }, { tokens: 4 });
    const whole = await readFloat32(outputs.y);
    const last = { ...inputs, x: inputs.x.view(3 * 32, 32) };
    const y = device.allocate(64);
    const part = y.view(32, 32);
    await plan.run({ inputs: last, outputs: { y: part } }, { tokens: 1 });
    y.dispose();
    expect(await readFloat32(part)).toEqual(whole.slice(24));
    expect(() => inputs.x.view(2, 4)).toThrow('[buffer] offset must be = a multiple of 4, got 2');
    expect(() => inputs.x.view(128, 4)).toThrow(/^\[buffer] view must be within = 128 bytes/);
  });

  test.each([
    [
      'an input is missing',
      { drop: 'x' },
      /inputs must be = x, modulation, row, got modulation, row/,
    ],
    [
      'a size is above capacity',
      { tokens: 5 },
      /size of tokens must be = 0 to its capacity 4, got 5/,
    ],
    ['a size is negative', { tokens: -1 }, /sizes\[0] must be = a whole number from 0 .* got -1/],
    ['a size is broken', { tokens: 1.5 }, /sizes\[0] must be = a whole number .* got 1.5/],
    ['an input is too small', { x: 8 }, /input "x" must be = at least 128 bytes, got 8/],
    ['an output is too small', { y: 8 }, /output "y" must be = at least 128 bytes, got 8/],
  ])('is refused when %s', async (_, fault: Record<string, string | number>, message) => {
    const { plan, inputs, outputs } = await chain(1, 8, 4);
    const faulty: Record<string, typeof outputs.y> = { ...inputs };
    if (typeof fault.drop === 'string') delete faulty[fault.drop];
    if (typeof fault.x === 'number') faulty.x = device.allocate(fault.x);
    const y = typeof fault.y === 'number' ? device.allocate(fault.y) : outputs.y;
    const sizes = { tokens: Number(fault.tokens ?? 4) };
    const run = plan.run({ inputs: faulty, outputs: { y } }, sizes);
    await expect(run).rejects.toThrow(message);
    await expect(run).rejects.toMatchObject({ code: 'BAD_INPUT', op: 'plan' });
    await plan.run({ inputs, outputs }, { tokens: 4 });
  });

  test('is refused when an output is an input, read-only, disposed or of another device', async () => {
    const { plan, inputs, outputs } = await chain(1, 8, 4);
    const refused = (y: typeof outputs.y) =>
      expect(plan.run({ inputs, outputs: { y } }, { tokens: 4 })).rejects;
    await refused(inputs.x).toThrow(/output "y" must be = memory of its own/);
    await refused(inputs.x.view(64, 64)).toThrow(/at least 128 bytes/);
    await refused(device.map(new URL(import.meta.url).pathname)).toThrow(/writable, got a mapped/);
    using other = openDevice({ threads: 1 });
    await refused(other.allocate(128)).toThrow(/a Buffer of this device, got one of another/);
    outputs.y.dispose();
    await refused(outputs.y).toMatchObject({ code: 'DISPOSED', op: 'buffer' });
  });

  test('with indices out of range is an error of the op', async () => {
    const { plan, inputs, outputs } = await chain(1, 8, 4);
    await inputs.row.write(Int32Array.of(0, 0, 1, 0));
    await expect(plan.run({ inputs, outputs }, { tokens: 4 })).rejects.toThrow(
      '[adaln] row[2] must be = at least 0 and below 1, got 1',
    );
  });
});

describe('a signal', () => {
  test('stops a run between nodes and carries its reason', async () => {
    const tokens = 2000; // most of a second, of which the test takes some milliseconds
    const { plan, inputs, outputs } = await chain(4000, 64, tokens);
    const controller = new AbortController();
    const run = plan.run({ inputs, outputs }, { tokens }, { signal: controller.signal });
    setTimeout(() => controller.abort(new Error('enough')), 5);
    const error = await run.catch((reason: unknown) => reason);
    expect(TubeletError.isInstance(error) && error.code).toBe('ABORTED');
    expect(error).toMatchObject({ cause: { message: 'enough' } });
    await plan.run({ inputs, outputs }, { tokens: 1 }, { signal: new AbortController().signal });
  });

  test('that is aborted already starts nothing', async () => {
    const { plan, inputs, outputs } = await chain(1, 8, 4);
    const run = plan.run({ inputs, outputs }, { tokens: 4 }, { signal: AbortSignal.abort() });
    await expect(run).rejects.toMatchObject({ code: 'ABORTED' });
    expect(await readFloat32(outputs.y)).toEqual(new Float32Array(32));
  });
});

describe('a plan', () => {
  test('reuses its arena: a long chain needs no more than three nodes do', async () => {
    const short = await chain(4, 32, 16);
    const long = await chain(40, 32, 16);
    expect(short.plan.arenaBytes).toBeGreaterThanOrEqual(16 * 32 * 4);
    expect(long.plan.arenaBytes).toBe(short.plan.arenaBytes);
  });

  test('explains itself and times its nodes', async () => {
    const { plan, inputs, outputs } = await chain(2, 8, 4);
    const explanation = plan.explain();
    expect(explanation).toMatchObject({ arenaBytes: plan.arenaBytes, capacity: { tokens: 4 } });
    expect(explanation.nodes.map(({ op, shape }) => [op, shape])).toEqual([
      ['adaln', [4, 8]],
      ['adaln', [4, 8]],
    ]);
    const times = await plan.profile({ inputs, outputs }, { tokens: 4 });
    expect(times.map(({ kernel }) => kernel)).toEqual(explanation.nodes.map((n) => n.kernel));
    expect(times.every(({ milliseconds }) => milliseconds > 0)).toBe(true);
  });

  test('can be explained without its weights, and nothing is kept', async () => {
    const { plan } = await chain(2, 8, 4);
    const before = device.bytesInUse;
    expect(await previewPlan(device, adalnChain(2, 8), { tokens: 4 })).toEqual(plan.explain());
    expect(device.bytesInUse).toBe(before);
    const tried = previewPlan(device, adalnChain(2, 8), { rows: 4 });
    await expect(tried).rejects.toThrow(/capacity must be = tokens, got rows/);
    const enormous = previewPlan(device, adalnChain(3, 2 ** 20), { tokens: 2 ** 31 - 1 });
    await expect(enormous).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' });
  });

  test.each([
    [{}, /capacity must be = tokens, got none/],
    [{ tokens: 4, rows: 1 }, /capacity must be = tokens, got tokens, rows/],
    [{ tokens: 0 }, /capacity\[0] must be = a whole number from 1 .* got 0/],
    [{ tokens: 2 ** 31 }, /capacity\[0] must be = a whole number .* got 2147483648/],
  ])('is refused with capacity %j', async (capacity: Record<string, number>, message) => {
    await expect(compile(device, adalnChain(1, 8), none, capacity)).rejects.toThrow(message);
  });

  test('that cannot fit is OUT_OF_MEMORY', async () => {
    const graph = adalnChain(3, 2 ** 20);
    const tried = compile(device, graph, none, { tokens: 2 ** 31 - 1 });
    await expect(tried).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' });
  });

  test('is closed by its own dispose and by its device', async () => {
    using mine = openDevice({ threads: 1 });
    const plan = await compile(mine, adalnChain(1, 8), none, { tokens: 4 });
    plan.dispose();
    plan.dispose();
    expect(() => plan.arenaBytes).toThrow(/^\[plan] plan must be = open/);
    const other = await compile(mine, adalnChain(1, 8), none, { tokens: 4 });
    const buffer = mine.allocate(4);
    mine.dispose();
    mine.dispose();
    expect(() => other.explain()).toThrow(/^\[plan] plan must be = open/);
    expect(() => buffer.bytes).toThrow(/^\[buffer] buffer must be = open/);
    expect(() => mine.allocate(4)).toThrow(/^\[device] device must be = open/);
    await expect(compile(mine, adalnChain(1, 8), none, { tokens: 4 })).rejects.toMatchObject({
      code: 'DISPOSED',
    });
  });

  test('shares packed weights with the plans of the same weights', async () => {
    using mine = openDevice({ threads: 1 });
    const weights = weightsOf({ table: { shape: [1, 64], data: ramp(64, 1) } });
    const first = await compile(mine, weightedGraph(32), weights, { tokens: 4 });
    const before = mine.bytesInUse;
    const second = await compile(mine, weightedGraph(32), weights, { tokens: 4 });
    expect(mine.bytesInUse).toBe(before);
    expect(second.packedBytes).toBe(first.packedBytes);
  });
});

// Skipped where the processor multiplies no bfloat16.
describe.skipIf(fastestPrecision(device) === 'f32')('between kernels of bfloat16', () => {
  const tokens = 5;
  const width = 12;
  const weights = weightsOf(
    Object.fromEntries(
      [
        ['in', 3 * width],
        ['out', width],
      ].map(([name, rows]) => [
        name,
        { shape: [rows as number, width], data: ramp((rows as number) * width, 0.7) },
      ]),
    ),
  );

  async function run(isOpen: boolean, precision: 'bf16' | 'int8') {
    const attends = graph('attends', (g) => {
      const x = g.input('x', [tokens, width]);
      const segments = g.input('segments', [1, 4], 'i32');
      const qkv = linear(x, g.weight('in', [3 * width, width]));
      const [q, k, v] = [0, 1, 2].map((i) => columns(qkv, i * width, width));
      const attended = attention(q, k, v, segments, { heads: 3, scale: 0.5 });
      g.output('y', linear(attended, g.weight('out', [width, width]), { activation: 'silu' }));
      if (isOpen) {
        g.output('qkv', qkv);
        g.output('attended', attended);
      }
    });
    const plan = await compile(device, attends, weights, {}, { precision });
    const inputs = {
      x: await upload(device, ramp(tokens * width, 0.37)),
      segments: await upload(device, Int32Array.of(0, tokens, 0, tokens)),
    };
    const outputs = Object.fromEntries(
      plan.graph.outputs.map(({ name }) => [name, device.allocate(3 * tokens * width * 4)]),
    );
    await plan.run({ inputs, outputs });
    const y = await readFloat32(outputs.y, tokens * width);
    return { y, dtypes: plan.explain().nodes.map(({ dtype }) => dtype) };
  }

  test('results are stored as bfloat16, and the bytes of the output do not change', async () => {
    const closed = await run(false, 'bf16');
    const open = await run(true, 'bf16');
    expect(closed.dtypes).toEqual(['bf16', 'bf16', 'bf16', 'bf16', 'bf16', 'f32']);
    expect(new Set(open.dtypes)).toEqual(new Set(['f32']));
    expect(closed.y).toEqual(open.y);
  });

  test('8-bit integers are made of them as well', async () => {
    const closed = await run(false, 'int8');
    const { y } = await run(true, 'bf16');
    expect(closed.dtypes).toContain('bf16');
    const largest = Math.max(...y.map(Math.abs));
    closed.y.forEach((value, i) => {
      expect(Math.abs(value - y[i])).toBeLessThan(0.03 * largest);
    });
  });
});

test('disposing a device rejects what waits and stops what runs', async () => {
  using mine = openDevice({ threads: 1 });
  const tokens = 4000; // about a second, of which the test takes some milliseconds
  const plan = await compile(mine, adalnChain(4000, 64), none, { tokens });
  const inputs = {
    x: mine.allocate(tokens * 64 * 4),
    modulation: mine.allocate(2 * 64 * 4),
    row: mine.allocate(tokens * 4),
  };
  const outputs = { y: mine.allocate(tokens * 64 * 4) };
  const running = plan.run({ inputs, outputs }, { tokens });
  const waiting = outputs.y.read(new Float32Array(4));
  await new Promise((done) => setTimeout(done, 5));
  mine.dispose();
  await expect(waiting).rejects.toMatchObject({ code: 'DISPOSED' });
  await expect(running).rejects.toMatchObject({ code: 'DISPOSED', op: 'device' });
});
