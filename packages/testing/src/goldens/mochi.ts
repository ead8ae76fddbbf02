import { mochiTransformer, packMochi, parseMochiConfig } from '@tubelet/models';
import { joined } from '../joined.js';
import type { RunGraph } from '../run-graph.js';
import { type Closeness, compare, worstOf } from './closeness.js';
import { keptRows, readModelCase, tensorOf } from './model-case.js';
import { onAddon } from './on-addon.js';

/** Runs a case of goldens/mochi: the batch as clips of one run, each with the text its mask keeps. */
export async function checkMochiCase(
  directory: string,
  run: RunGraph = onAddon,
): Promise<Closeness> {
  const { config: json, io, notes, weights } = await readModelCase(directory);
  const config = parseMochiConfig(json);
  const latents = tensorOf(io, 'input.hidden_states');
  const [, , frames, height, width] = latents.shape as [number, number, number, number, number];
  const texts = keptRows(io, 'input.encoder_hidden_states', 'input.encoder_attention_mask');
  const clips = texts.map(({ length }) => ({
    frames,
    height,
    width,
    textTokens: length / config.textDim,
  }));
  const { values: frequencies } = tensorOf(weights, 'pos_frequencies');
  const { sizes, inputs } = packMochi(config, clips, frequencies);
  const data = {
    ...inputs,
    latents: latents.values,
    text: joined(texts),
    timestep: tensorOf(io, 'input.timestep').values,
  };
  const outputs = await run(mochiTransformer(config), weights, data, sizes);
  const reference = tensorOf(io, 'output.sample');
  return worstOf([compare(notes, 'output.sample', outputs.get('prediction')!, reference)]);
}
