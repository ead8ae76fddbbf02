import {
  packWan,
  parseWanConfig,
  timestepRows,
  type WanClip,
  wanTransformer,
} from '@tubelet/models';
import { joined } from '../joined.js';
import type { RunGraph } from '../run-graph.js';
import type { FixtureTensor } from '../safetensors-fixture.js';
import { type Closeness, compare, worstOf } from './closeness.js';
import { type ModelCase, readModelCase, sampleOf, tensorOf } from './model-case.js';
import { onAddon } from './on-addon.js';

/** Runs a case of goldens/wan: the whole batch as clips of one run. */
export async function checkWanCase(directory: string, run: RunGraph = onAddon): Promise<Closeness> {
  const golden = await readModelCase(directory);
  const config = parseWanConfig(golden.config);
  const { clips, timestep } = wanClips(golden);
  const { sizes, inputs } = packWan(config, clips);
  const { values: latents } = tensorOf(golden.io, 'input.hidden_states');
  const { values: text } = tensorOf(golden.io, 'input.encoder_hidden_states');
  const image = golden.io.get('input.encoder_hidden_states_image')?.values;
  const outputs = await run(
    wanTransformer(config),
    golden.weights,
    { ...inputs, latents, text, timestep, ...(image ? { image } : {}) },
    sizes,
  );
  const sample = tensorOf(golden.io, 'output.sample');
  return worstOf([compare(golden.notes, 'output.sample', outputs.get('prediction')!, sample)]);
}

/** A batch as clips, and the timesteps of their rows. */
function wanClips({ io }: ModelCase): { clips: WanClip[]; timestep: Float64Array } {
  const [batch, , frames, height, width] = tensorOf(io, 'input.hidden_states').shape as [
    number,
    number,
    number,
    number,
    number,
  ];
  const textTokens = tensorOf(io, 'input.encoder_hidden_states').shape[1];
  const image = io.get('input.encoder_hidden_states_image');
  // First and last frame come as twice as many samples of half as many tokens.
  const images = image ? { imageTokens: (image.shape[0] * image.shape[1]) / batch } : {};
  const timestep = tensorOf(io, 'input.timestep');
  const rows = Array.from({ length: batch }, (_, i) => timestepRows(timestepsOf(timestep, i)));
  const clips = rows.map(({ rows, rowOf }) => ({
    frames,
    height,
    width,
    textTokens,
    ...images,
    rows: rows.length,
    rowOf,
  }));
  return { clips, timestep: joined(rows.map(({ rows }) => rows)) };
}

/** One timestep of a sample, or one per token. */
function timestepsOf(timestep: FixtureTensor, index: number): Float64Array {
  return sampleOf(timestep, index).values;
}
