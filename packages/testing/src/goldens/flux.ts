import { fluxTransformer, packFlux, parseFluxConfig } from '@tubelet/models';
import type { RunGraph } from '../run-graph.js';
import { type Closeness, compare, worstOf } from './closeness.js';
import { readModelCase, tensorOf } from './model-case.js';
import { onAddon } from './on-addon.js';

/** Runs a case of goldens/flux: the batch as images of one run. */
export async function checkFluxCase(
  directory: string,
  run: RunGraph = onAddon,
): Promise<Closeness> {
  const { config: json, io, notes, weights } = await readModelCase(directory);
  const config = parseFluxConfig(json);
  const hidden = tensorOf(io, 'input.hidden_states');
  const text = tensorOf(io, 'input.encoder_hidden_states');
  const ids = tensorOf(io, 'input.img_ids').values;
  const side = (axis: number) => 1 + Math.max(...ids.filter((_, i) => i % 3 === axis));
  const image = { height: side(1), width: side(2), textTokens: text.shape[1] };
  const { sizes, inputs } = packFlux(config, Array(hidden.shape[0]).fill(image));
  const guidance = io.get('input.guidance')?.values;
  const data = {
    ...inputs,
    hidden: hidden.values,
    text: text.values,
    timestep: tensorOf(io, 'input.timestep').values,
    pooled: tensorOf(io, 'input.pooled_projections').values,
    ...(guidance ? { guidance } : {}),
  };
  const outputs = await run(fluxTransformer(config), weights, data, sizes);
  const reference = tensorOf(io, 'output.sample');
  return worstOf([compare(notes, 'output.sample', outputs.get('prediction')!, reference)]);
}
