import { ltxVaeDecoder, ltxVaeEncoder, parseLtxVaeConfig } from '@tubelet/models';
import type { RunGraph } from '../run-graph.js';
import type { FixtureTensor } from '../safetensors-fixture.js';
import { type Comparison, compare } from './closeness.js';
import { channelsLast, type ModelCase, sampleOf, tensorOf } from './model-case.js';

/** Every clip encoded and decoded. */
export async function checkLtxVae(golden: ModelCase, run: RunGraph): Promise<Comparison[]> {
  const { io, notes, weights } = golden;
  const config = parseLtxVaeConfig(golden.config);
  const comparisons: Comparison[] = [];
  for (const [name, batch] of io) {
    const [, kind, clip] = /^input\.(video|latents)\.(.+)$/.exec(name) ?? [];
    if (!kind || !clip) continue;
    for (let i = 0; i < batch.shape[0]; i++) {
      const sample = channelsLast(sampleOf(batch, i));
      const expect = (golden: string, got: ArrayLike<number>) => {
        const reference = channelsLast(sampleOf(tensorOf(io, golden), i));
        comparisons.push(compare(notes, golden, got, reference));
      };
      if (kind === 'video') {
        const graph = ltxVaeEncoder(config, sizeOf(sample));
        const encoded = await run(graph, weights, { frames: sample.values }, {});
        for (const output of ['mean', 'logvar'])
          expect(`output.${output}.${clip}`, encoded.get(output)!);
        continue;
      }
      const timestep = io.get(`input.timestep.${clip}`)?.values.subarray(i, i + 1);
      const inputs = { latents: sample.values, ...(timestep ? { timestep } : {}) };
      const decoded = await run(ltxVaeDecoder(config, sizeOf(sample)), weights, inputs, {});
      expect(`output.video.${clip}`, decoded.get('frames')!);
    }
  }
  return comparisons;
}

function sizeOf({ shape }: FixtureTensor) {
  const [frames, height, width] = shape as [number, number, number];
  return { frames, height, width };
}
