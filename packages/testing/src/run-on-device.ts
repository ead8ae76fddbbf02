import type { Graph } from '@tubelet/graph';
import type { Device } from '@tubelet/native';
import {
  compile,
  type RuntimePlan,
  readFloat32,
  upload,
  type Weights,
  weightsOf,
} from '@tubelet/runtime';
import type { RunGraph } from './run-graph.js';
import type { FixtureTensor } from './safetensors-fixture.js';

type Tensors = ReadonlyMap<string, FixtureTensor>;

/** Runs graphs on a device; each graph is compiled once for as long as its sizes stay. */
export function runOnDevice(device: Device): RunGraph {
  const bound = new WeakMap<Tensors, Weights>();
  const plans = new WeakMap<Graph, RuntimePlan>();

  const weightsFor = (tensors: Tensors): Weights => {
    const known = bound.get(tensors);
    if (known) return known;
    const weights = weightsOf(
      Object.fromEntries(
        [...tensors].map(([name, { shape, values }]) => [
          name,
          { shape, data: Float32Array.from(values) },
        ]),
      ),
    );
    bound.set(tensors, weights);
    return weights;
  };

  return async (graph, tensors, inputs, sizes) => {
    const sameSizes = (plan: RuntimePlan) =>
      graph.symbols.every((symbol) => plan.capacity[symbol] === sizes[symbol]);
    const known = plans.get(graph);
    const plan =
      known && sameSizes(known) ? known : await compile(device, graph, weightsFor(tensors), sizes);
    plans.set(graph, plan);

    const given = await Promise.all(
      graph.inputs.map(async ({ name, dtype }) => {
        const values = inputs[name] ?? [];
        const data = dtype === 'i32' ? Int32Array.from(values) : Float32Array.from(values);
        return [name, await upload(device, data)] as const;
      }),
    );
    const elements = (name: string) => {
      const { tensor } = graph.outputs.find((output) => output.name === name) ?? {};
      const dims = tensor?.shape.map((dim) => (typeof dim === 'number' ? dim : sizes[dim.symbol]));
      return (dims ?? []).reduce((product, dim) => product * dim, 1);
    };
    const results = graph.outputs.map(
      ({ name }) => [name, device.allocate(4 * elements(name))] as const,
    );
    try {
      const buffers = {
        inputs: Object.fromEntries(given),
        outputs: Object.fromEntries(results),
      };
      await plan.run(buffers, sizes);
      return new Map(
        await Promise.all(
          results.map(async ([name, buffer]) => [name, await readFloat32(buffer)] as const),
        ),
      );
    } finally {
      for (const [, buffer] of [...given, ...results]) buffer.dispose();
    }
  };
}
