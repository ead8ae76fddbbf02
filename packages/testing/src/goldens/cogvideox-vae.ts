import {
  type CogvideoxVaeConfig,
  cogvideoxVaeChunks,
  cogvideoxVaeDecoder,
  cogvideoxVaeEncoder,
  parseCogvideoxVaeConfig,
} from '@tubelet/models';
import { joined } from '../joined.js';
import type { RunGraph } from '../run-graph.js';
import type { FixtureTensor } from '../safetensors-fixture.js';
import { type Comparison, compare } from './closeness.js';
import { channelsLast, type ModelCase, sampleOf, tensorOf } from './model-case.js';

type Outputs = Awaited<ReturnType<RunGraph>>;

/** Every clip encoded and decoded, chunk by chunk. */
export async function checkCogvideoxVae(golden: ModelCase, run: RunGraph): Promise<Comparison[]> {
  const { io, notes } = golden;
  const config = parseCogvideoxVaeConfig(golden.config);
  const comparisons: Comparison[] = [];
  for (const [name, batch] of io) {
    const [, kind, clip] = /^input\.(video|latents)\.(.+)$/.exec(name) ?? [];
    if (!kind || !clip) continue;
    for (let i = 0; i < batch.shape[0]; i++) {
      const sample = channelsLast(sampleOf(batch, i));
      const chunks = await stream(
        golden,
        config,
        run,
        kind === 'video' ? 'encode' : 'decode',
        sample,
      );
      const expect = (output: string, golden: string) => {
        const got = joined(chunks.map((chunk) => chunk.get(output)!));
        const reference = channelsLast(sampleOf(tensorOf(io, golden), i));
        comparisons.push(compare(notes, golden, got, reference));
      };
      if (kind === 'latents') expect('frames', `output.video.${clip}`);
      else for (const output of ['mean', 'logvar']) expect(output, `output.${output}.${clip}`);
    }
  }
  return comparisons;
}

/** Runs a clip chunk by chunk, passing the cache on; each chunk's outputs. */
async function stream(
  { weights }: ModelCase,
  config: CogvideoxVaeConfig,
  run: RunGraph,
  direction: 'encode' | 'decode',
  { shape, values }: FixtureTensor,
): Promise<Outputs[]> {
  const [count, height, width, channels] = shape as [number, number, number, number];
  const [make, input] =
    direction === 'encode'
      ? ([cogvideoxVaeEncoder, 'frames'] as const)
      : ([cogvideoxVaeDecoder, 'latents'] as const);
  const outputs: Outputs[] = [];
  let cache: Record<string, ArrayLike<number>> = {};
  let start = 0;
  for (const frames of cogvideoxVaeChunks(count, direction)) {
    const chunk = start === 0 ? 'first' : 'steady';
    const size = frames * height * width * channels;
    const data = values.subarray(start, start + size);
    const graph = make(config, { chunk, frames, height, width });
    const made = await run(graph, weights, { ...cache, [input]: data }, {});
    const kept = [...made].filter(([name]) => name.endsWith('.next'));
    cache = Object.fromEntries(kept.map(([name, next]) => [name.replace('.next', ''), next]));
    outputs.push(made);
    start += size;
  }
  return outputs;
}
