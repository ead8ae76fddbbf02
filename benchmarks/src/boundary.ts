import { graph, reshape } from '@tubelet/graph';
import { compile, openDevice, weightsOf } from '@tubelet/runtime';
import { Bench } from 'tinybench';
import type { Options } from './options.js';
import { type Measured, ownRow } from './report.js';

/** What crossing into native code and back costs: each call awaited, one after another. */
export async function benchBoundary({ threads }: Options): Promise<Measured> {
  using device = openDevice({ threads });
  const empty = graph('empty', (g) => g.output('y', reshape(g.input('x', [1]), [1])));
  const plan = await compile(device, empty, weightsOf({}));
  const [x, y] = [device.allocate(4), device.allocate(4)];
  const buffers = { inputs: { x }, outputs: { y } };
  const [small, large] = [new Uint8Array(4), new Uint8Array(1 << 20)];
  const megabyte = device.allocate(large.length);

  const bench = new Bench({ time: 300, warmupTime: 50, throws: true });
  bench
    .add('empty run (one value copied)', () => plan.run(buffers))
    .add('write 4 bytes', () => x.write(small))
    .add('read 4 bytes', () => y.read(small))
    .add('write 1 MiB', () => megabyte.write(large))
    .add('read 1 MiB', () => megabyte.read(large))
    .add('write, run, read, awaited once', () =>
      Promise.all([x.write(small), plan.run(buffers), y.read(small)]),
    );
  await bench.run();
  const rows = bench.tasks.map(({ name, result }) => {
    const milliseconds = 'latency' in result ? result.latency.p50 : null;
    return ownRow(name, 'f32', milliseconds, { details: { µs: (milliseconds ?? 0) * 1000 } });
  });
  return { isa: device.isa, threads, rows, notes: ['medians of single calls'] };
}
