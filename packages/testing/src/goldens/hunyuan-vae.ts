import { hunyuanVaeDecoder, hunyuanVaeEncoder, parseHunyuanVaeConfig } from '@tubelet/models';
import type { RunGraph } from '../run-graph.js';
import type { FixtureTensor } from '../safetensors-fixture.js';
import { type Comparison, compare } from './closeness.js';
import { channelsLast, type ModelCase, sampleOf, tensorOf } from './model-case.js';

/** Encodes and decodes every clip of the golden. */
export async function compareHunyuanVae(golden: ModelCase, run: RunGraph): Promise<Comparison[]> {
  const { config: json, io, weights } = golden;
  const config = parseHunyuanVaeConfig(json);
  const comparisons: Comparison[] = [];
  for (const [name, batch] of io) {
    const [, kind, clip] = /^input\.(video|latents)\.(.+)$/.exec(name) ?? [];
    if (!kind || !clip) continue;
    const samples = Array.from({ length: batch.shape[0] }, (_, i) =>
      channelsLast(sampleOf(batch, i)),
    );
    const size = sizeOf(samples[0]);
    const isVideo = kind === 'video';
    const graph = isVideo ? hunyuanVaeEncoder(config, size) : hunyuanVaeDecoder(config, size);
    for (const [i, { values }] of samples.entries()) {
      const inputs = { [isVideo ? 'pictures' : 'latents']: values };
      const outputs = await run(graph, weights, inputs, {});
      const expect = (output: string, expected: string) =>
        comparisons.push(compareSample(golden, expected, i, outputs.get(output)!));
      if (!isVideo) expect('pictures', `output.video.${clip}`);
      else for (const part of ['mean', 'logvar']) expect(part, `output.${part}.${clip}`);
    }
  }
  return comparisons;
}

function sizeOf({ shape }: FixtureTensor) {
  const [frames, height, width] = shape as [number, number, number];
  return { frames, height, width };
}

function compareSample(
  { io, notes }: ModelCase,
  name: string,
  index: number,
  got: ArrayLike<number>,
): Comparison {
  return compare(notes, name, got, channelsLast(sampleOf(tensorOf(io, name), index)));
}
