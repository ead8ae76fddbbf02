import { add, graph } from '@tubelet/graph';
import { growingPlan, openDevice, readFloat32, upload, weightsOf } from '@tubelet/runtime';
import { describe, expect, it } from 'vitest';

const doubling = graph('doubling', (g) => {
  const x = g.input('x', [g.symbol('elements')]);
  g.output('y', add(x, x));
});

describe('growingPlan', () => {
  it('takes runs of any sizes at once, larger and smaller, before and after it grows', async () => {
    using device = openDevice({ threads: 1 });
    const plan = growingPlan(device, doubling, weightsOf({}));
    const run = async (elements: number) => {
      const x = await upload(device, new Float32Array(elements).fill(elements));
      const y = device.allocate(x.bytes);
      await plan.run({ inputs: { x }, outputs: { y } }, { elements });
      return readFloat32(y);
    };
    for (let round = 0; round < 20; round++) {
      const sizes = Array.from(
        { length: 12 },
        (_, i) => 1 + ((7 * i + 13 * round) % 31) * (round + 1),
      );
      const results = await Promise.all(sizes.map(run));
      results.forEach((values, i) => {
        expect(values).toEqual(new Float32Array(sizes[i]!).fill(2 * sizes[i]!));
      });
    }
  });

  it('still grows for others when one asks for more than there is', async () => {
    using device = openDevice({ threads: 1 });
    const plan = growingPlan(device, doubling, weightsOf({}));
    const [absurd, small] = await Promise.allSettled([
      plan.reserve({ elements: 2 ** 40 }),
      plan.reserve({ elements: 5 }),
    ]);
    expect(absurd.status).toBe('rejected');
    expect(small.status).toBe('fulfilled');
  });
});
