import { absoluteChange, type WanConfig, wanParts } from '@tubelet/models';
import {
  type Buffer,
  type Device,
  growingPlan,
  type Precision,
  type RunOptions,
  readFloat32,
  type Weights,
  weightsOf,
} from '@tubelet/runtime';
import type { LatentMath } from '../latents.js';
import type { PreparedInputs, SplitCalls } from '../model-calls.js';

/** Packed weights are those of the whole model's plan. */
export function splitTransformer(
  device: Device,
  config: WanConfig,
  weights: Weights,
  precision: Precision,
  math: LatentMath,
): (prepared: PreparedInputs) => SplitCalls {
  const { hiddenSize } = config;
  const parts = wanParts(config);
  const part = (graph: (typeof parts)['first']) => ({
    graph,
    plan: growingPlan(device, graph, weights, { precision }),
  });
  const first = part(parts.first);
  const rest = part(parts.rest);
  const last = part(parts.last);
  const ones = { shape: [1, hiddenSize], data: new Float32Array(hiddenSize).fill(1) };
  const change = growingPlan(device, absoluteChange(hiddenSize), weightsOf({ ones }));

  return ({ inputs, sizes, setTimestep, dispose }) => {
    const { tokens, rows, textTokens, imageTokens = 0 } = sizes;
    const elements = tokens * hiddenSize;
    const values = (count: number) => device.allocate(count * Float32Array.BYTES_PER_ELEMENT);
    const conditions: Readonly<Record<string, Buffer>> = {
      timeEmbedding: values(rows * 2 * hiddenSize),
      timeProjection: values(rows * 6 * hiddenSize),
      textHidden: values(textTokens * hiddenSize),
      ...(config.imageDim === null ? {} : { imageHidden: values(imageTokens * hiddenSize) }),
    };
    const [embedded, hidden, output, added] = Array.from({ length: 4 }, () => values(elements));
    const changes = { change: values(tokens), size: values(tokens) };
    let residual = values(elements);
    let known = values(elements);
    let isKnown = false;
    const given = { ...inputs, ...conditions };

    const run = (
      { graph, plan }: typeof first,
      buffers: Readonly<Record<string, Buffer>>,
      outputs: Readonly<Record<string, Buffer>>,
      options?: RunOptions,
    ) => {
      const named = Object.fromEntries(
        graph.inputs.map(({ name }) => [name, buffers[name] ?? given[name]!]),
      );
      const partSizes = Object.fromEntries(graph.symbols.map((name) => [name, sizes[name]!]));
      return plan.run({ inputs: named, outputs }, partSizes, options);
    };
    const changeOf = async (options?: RunOptions) => {
      const buffers = { inputs: { x: residual, known }, outputs: changes };
      await change.run(buffers, { tokens }, options);
      const [of, size] = await Promise.all([
        sumOf(changes.change, tokens),
        sumOf(changes.size, tokens),
      ]);
      return of / size;
    };

    return {
      async first(latents, timestep, options) {
        const written = setTimestep(timestep);
        const outputs = { embedded, hidden, ...conditions };
        await Promise.all([written, run(first, { latents }, outputs, options)]);
        await math.combine(difference(hidden, embedded), elements, residual, options);
        return isKnown ? changeOf(options) : undefined;
      },
      async rest(options) {
        await run(rest, { hidden }, { hidden: output }, options);
        await math.combine(difference(output, hidden), elements, added, options);
        [residual, known] = [known, residual];
        isKnown = true;
      },
      async last(predictions, isReused, options) {
        const sum = [[hidden, 1] as const, [added, 1] as const];
        if (isReused) await math.combine(sum, elements, output, options);
        await run(last, { hidden: output }, { prediction: predictions }, options);
      },
      dispose() {
        dispose();
        const own = [embedded, hidden, output, added, residual, known, ...Object.values(changes)];
        for (const buffer of [...own, ...Object.values(conditions)]) buffer.dispose();
      },
    };
  };
}

function difference(a: Buffer, b: Buffer) {
  return [[a, 1] as const, [b, -1] as const];
}

async function sumOf(buffer: Buffer, elements: number): Promise<number> {
  return (await readFloat32(buffer, elements)).reduce((sum, value) => sum + value, 0);
}
