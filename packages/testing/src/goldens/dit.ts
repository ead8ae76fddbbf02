import { dit, packDit, parseDitConfig, parseDitDiffusersConfig } from '@tubelet/models';
import type { RunGraph } from '../run-graph.js';
import { type Closeness, compare, worstOf } from './closeness.js';
import { checkDitGuidance, checkDitSampling } from './dit-sampling.js';
import { checkDitTables } from './dit-tables.js';
import { readModelCase, tensorOf } from './model-case.js';
import { onAddon } from './on-addon.js';

/** Runs a case of goldens/dit: a forward pass, guidance, whole courses of the sampler, or the tables. */
export async function checkDitCase(directory: string, run: RunGraph = onAddon): Promise<Closeness> {
  if (directory.endsWith('/tables')) return checkDitTables(directory, run);
  const golden = await readModelCase(directory);
  if ('sampling' in golden.config) return checkDitSampling(golden, run);
  if (!golden.io.has('output')) return checkDitGuidance(golden, run);
  const config = parseDitConfig(golden.config);
  const timestep = tensorOf(golden.io, 'input.t').values;
  const { sizes, inputs } = packDit(config, timestep.length);
  const label = tensorOf(golden.io, 'input.y').values;
  const latents = tensorOf(golden.io, 'input.x').values;
  const data = { ...inputs, latents, timestep, label };
  const outputs = await run(dit(config), golden.weights, data, sizes);
  const reference = tensorOf(golden.io, 'output');
  return worstOf([compare(golden.notes, 'output', outputs.get('prediction')!, reference)]);
}

/** Runs a case of goldens/dit-diffusers. */
export async function checkDitDiffusersCase(
  directory: string,
  run: RunGraph = onAddon,
): Promise<Closeness> {
  const { config: json, io, weights, notes } = await readModelCase(directory);
  const config = parseDitDiffusersConfig(json);
  const timestep = tensorOf(io, 'input.timestep').values;
  const { sizes, inputs } = packDit(config, timestep.length);
  const label = tensorOf(io, 'input.class_labels').values;
  const latents = tensorOf(io, 'input.hidden_states').values;
  const data = { ...inputs, latents, timestep, label };
  const outputs = await run(dit(config), weights, data, sizes);
  const reference = tensorOf(io, 'output.sample');
  return worstOf([compare(notes, 'output.sample', outputs.get('prediction')!, reference)]);
}
