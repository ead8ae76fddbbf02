import { type Device, type RuntimePlan, readFloat32, type Sizes, upload } from '@tubelet/runtime';

/** A plan with buffers for its inputs and outputs. */
export interface BoundPlan {
  readonly plan: RuntimePlan;
  /** Products and sums of one run. */
  readonly flops: number;
  run(): Promise<void>;
  /** As `plan.profile`. */
  profile(): ReturnType<RuntimePlan['profile']>;
  read(output: string): Promise<Float32Array>;
  dispose(): void;
}

type Values = Float32Array | Int32Array;

/** @param inputs by name; those left out are zeros */
export async function bindPlan(
  device: Device,
  plan: RuntimePlan,
  inputs: Readonly<Record<string, Values>>,
  sizes: Sizes = {},
): Promise<BoundPlan> {
  const bytes = (shape: RuntimePlan['graph']['inputs'][number]['shape']) =>
    shape.reduce<number>(
      (product, dim) => product * (typeof dim === 'number' ? dim : sizes[dim.symbol]),
      4,
    );
  const given = await Promise.all(
    plan.graph.inputs.map(async ({ name, shape }) => {
      const values = inputs[name];
      return [name, values ? await upload(device, values) : device.allocate(bytes(shape))] as const;
    }),
  );
  const results = plan.graph.outputs.map(
    ({ name, tensor }) => [name, device.allocate(bytes(tensor.shape))] as const,
  );
  const buffers = { inputs: Object.fromEntries(given), outputs: Object.fromEntries(results) };
  return {
    plan,
    flops: plan.explain().nodes.reduce((sum, { flops }) => sum + flops, 0),
    run: () => plan.run(buffers, sizes),
    profile: () => plan.profile(buffers, sizes),
    read: (output) => readFloat32(buffers.outputs[output]),
    dispose() {
      for (const [, buffer] of [...given, ...results]) buffer.dispose();
      plan.dispose();
    },
  };
}
