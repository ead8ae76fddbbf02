import { packSd3, parseSd3Config, sd3Transformer } from '@tubelet/models';
import type { RunGraph } from '../run-graph.js';
import { type Closeness, compare, worstOf } from './closeness.js';
import { readModelCase, tensorOf } from './model-case.js';
import { onAddon } from './on-addon.js';

/** Runs a case of goldens/sd3: the batch as images of one run. */
export async function checkSd3Case(directory: string, run: RunGraph = onAddon): Promise<Closeness> {
  const { config: json, io, notes, weights } = await readModelCase(directory);
  const config = parseSd3Config(json);
  const { shape, values: latents } = tensorOf(io, 'input.hidden_states');
  const [batch, , height, width] = shape as [number, number, number, number];
  const text = tensorOf(io, 'input.encoder_hidden_states');
  const image = { height, width, textTokens: text.shape[1] };
  const { sizes, inputs } = packSd3(config, Array(batch).fill(image));
  const timestep = tensorOf(io, 'input.timestep').values;
  const pooled = tensorOf(io, 'input.pooled_projections').values;
  const data = { ...inputs, latents, timestep, pooled, text: text.values };
  const outputs = await run(sd3Transformer(config), weights, data, sizes);
  const reference = tensorOf(io, 'output.sample');
  return worstOf([compare(notes, 'output.sample', outputs.get('prediction')!, reference)]);
}
