import { TubeletError } from '@tubelet/graph';
import { dit, packDit, parseDitConfig } from '@tubelet/models';
import type { RunGraph } from '../run-graph.js';
import { type Closeness, compare, worstOf } from './closeness.js';
import { readModelCase, tensorOf } from './model-case.js';
import { onAddon } from './on-addon.js';

/** Runs a case of goldens/dit that is one forward pass of the released model. */
export async function checkDitCase(directory: string, run: RunGraph = onAddon): Promise<Closeness> {
  const golden = await readModelCase(directory).catch(() => undefined);
  if (!golden?.io.has('output') || 'conditioning' in golden.config) {
    throw new TubeletError(
      'UNSUPPORTED',
      'dit',
      'case must be = a forward pass of the released model, got another',
    );
  }
  const config = parseDitConfig(golden.config);
  const timestep = tensorOf(golden.io, 'input.t').values;
  const { sizes, inputs } = packDit(config, timestep.length);
  const label = tensorOf(golden.io, 'input.y').values;
  const latents = tensorOf(golden.io, 'input.x').values;
  const outputs = await run(
    dit(config),
    golden.weights,
    { ...inputs, latents, timestep, label },
    sizes,
  );
  return worstOf([
    compare(golden.notes, 'output', outputs.get('prediction')!, tensorOf(golden.io, 'output')),
  ]);
}
