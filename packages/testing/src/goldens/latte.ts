import { latte, packLatte, parseLatteConfig } from '@tubelet/models';
import type { RunGraph } from '../run-graph.js';
import { type Closeness, compare, worstOf } from './closeness.js';
import { readModelCase, tensorOf } from './model-case.js';
import { onAddon } from './on-addon.js';

/** Runs a case of goldens/latte: the batch as clips of one run. */
export async function checkLatteCase(
  directory: string,
  run: RunGraph = onAddon,
): Promise<Closeness> {
  const { config: json, io, notes, weights } = await readModelCase(directory);
  const config = parseLatteConfig(json);
  const { shape, values: latents } = tensorOf(io, 'input.hidden_states');
  const [batch, , frames, height, width] = shape as [number, number, number, number, number];
  const text = tensorOf(io, 'input.encoder_hidden_states');
  const clip = { frames, height, width, textTokens: text.shape[1] };
  const { sizes, inputs } = packLatte(config, Array(batch).fill(clip));
  const timestep = tensorOf(io, 'input.timestep').values;
  const data = { ...inputs, latents, timestep, text: text.values };
  const outputs = await run(latte(config), weights, data, sizes);
  const reference = tensorOf(io, 'output.sample');
  return worstOf([compare(notes, 'output.sample', outputs.get('prediction')!, reference)]);
}
