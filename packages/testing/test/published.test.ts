import { attention, graph } from '@tubelet/graph';
import { openDevice, previewPlan } from '@tubelet/runtime';
import { describe, expect, it } from 'vitest';
import { countFlops } from '../src/published/count-flops.js';
import { countParameters } from '../src/published/count-parameters.js';
import { publishedModels } from '../src/published/models.js';

describe('a published model at full size', () => {
  it.for(publishedModels.filter(({ parameters }) => parameters !== undefined))(
    '$name of $size has the parameters that were published',
    ({ build, parameters = 0, isRounded, withoutEffect = 0 }) => {
      const counted = countParameters(build().graph) + withoutEffect;
      if (isRounded) expect(Math.abs(counted / parameters - 1)).toBeLessThan(0.05);
      else expect(counted).toBe(parameters);
    },
  );

  it('is planned without its weights: DiT-XL/2 of 256 pixels takes 119 billion multiply-adds', async () => {
    using device = openDevice({ threads: 1 });
    const { graph: whole, sizes, inputs } = publishedModels[0].build();
    const explanation = await previewPlan(device, whole, sizes);
    const { arenaBytes, packedBytes } = explanation;
    const flops = countFlops(whole, explanation, inputs);
    expect(flops / 2e9).toBeGreaterThan(118);
    expect(flops / 2e9).toBeLessThan(121);
    expect(packedBytes).toBeGreaterThan(4 * 6e8);
    expect(device.bytesInUse).toBeLessThan(1e6);
    expect(arenaBytes).toBeGreaterThan(256 * 1152 * 4);
  });

  it('counts attention by its segments', async () => {
    using device = openDevice({ threads: 1 });
    const ofSegments = graph('g', (g) => {
      const x = g.input('x', [g.symbol('tokens'), 8]);
      const segments = g.input('segments', [g.symbol('segments'), 4], 'i32');
      g.output('y', attention(x, x, x, segments, { heads: 1, scale: 1 }));
    });
    const explanation = await previewPlan(device, ofSegments, { tokens: 40, segments: 2 });
    const count = (...segments: number[]) => countFlops(ofSegments, explanation, { segments });
    expect(count(0, 20, 0, 20, 20, 40, 20, 40)).toBe(count(0, 40, 0, 40) / 2);
  });
});
