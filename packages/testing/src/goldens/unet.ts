import { parseUnetConfig, unet } from '@tubelet/models';
import { joined } from '../joined.js';
import type { RunGraph } from '../run-graph.js';
import type { FixtureTensor } from '../safetensors-fixture.js';
import { type Closeness, compare, worstOf } from './closeness.js';
import { channelsLast, readModelCase, sampleOf, tensorOf } from './model-case.js';
import { onAddon } from './on-addon.js';

/** Runs a case of goldens/unet: the batch as pictures or clips of one run. */
export async function checkUnetCase(
  directory: string,
  run: RunGraph = onAddon,
): Promise<Closeness> {
  const { config: json, io, notes, weights } = await readModelCase(directory);
  const config = parseUnetConfig(json);
  const sample = tensorOf(io, 'input.sample');
  const [batch, , ...sizes] = sample.shape as [number, ...number[]];
  const [height, width] = sizes.slice(-2) as [number, number];
  const text = tensorOf(io, 'input.encoder_hidden_states');
  const textTokens = Array<number>(batch).fill(text.shape[1]);
  const size = { height, width, frames: sizes.length === 3 ? sizes[0] : 1, textTokens };
  const pooled = io.get('input.text_embeds')?.values;
  const conditions = pooled && { pooled, sizes: tensorOf(io, 'input.time_ids').values };
  const timestep = tensorOf(io, 'input.timestep').values;
  const data = { latents: lastOf(sample), timestep, text: text.values, ...conditions };
  const outputs = await run(unet(config, size), weights, data, {});
  const reference = tensorOf(io, 'output.sample');
  const expected = { ...reference, values: lastOf(reference) };
  return worstOf([compare(notes, 'output.sample', outputs.get('prediction')!, expected)]);
}

/** [N, C, …] as [N, …, C] */
function lastOf(batch: FixtureTensor): Float64Array {
  const samples = Array.from({ length: batch.shape[0] }, (_, i) =>
    channelsLast(sampleOf(batch, i)),
  );
  return joined(samples.map(({ values }) => values));
}
