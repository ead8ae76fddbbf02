import { cogvideoxTransformer, packCogvideox, parseCogvideoxConfig } from '@tubelet/models';
import { joined } from '../joined.js';
import type { RunGraph } from '../run-graph.js';
import type { FixtureTensor } from '../safetensors-fixture.js';
import { type Closeness, type Comparison, compare, worstOf } from './closeness.js';
import { checkCogvideoxVae } from './cogvideox-vae.js';
import { type ModelCase, readModelCase, sampleOf, tensorOf } from './model-case.js';
import { onAddon } from './on-addon.js';

/** Runs a case of goldens/cogvideox, transformer or autoencoder. */
export async function checkCogvideoxCase(
  directory: string,
  run: RunGraph = onAddon,
): Promise<Closeness> {
  const golden = await readModelCase(directory);
  const isVae = golden.config._class_name === 'AutoencoderKLCogVideoX';
  return worstOf(await (isVae ? checkCogvideoxVae : checkTransformer)(golden, run));
}

/** The batch as clips of one run. */
async function checkTransformer(golden: ModelCase, run: RunGraph): Promise<Comparison[]> {
  const { config: json, io, notes, weights } = golden;
  const given = tensorOf(io, 'input.hidden_states');
  const [batch, frames, , height, width] = given.shape as [number, number, number, number, number];
  // The goldens' rotary tables are those of a clip of the trained size.
  const trained = { sample_height: height, sample_width: width };
  const config = parseCogvideoxConfig({ ...json, ...trained });
  const text = tensorOf(io, 'input.encoder_hidden_states');
  const clip = { frames, height, width, textTokens: text.shape[1] };
  const { sizes, inputs } = packCogvideox(config, Array(batch).fill(clip));
  const ofs = io.get('input.ofs')?.values;
  const data = {
    ...inputs,
    latents: channelsFirst(given).values,
    text: text.values,
    timestep: tensorOf(io, 'input.timestep').values,
    ...(ofs ? { ofs } : {}),
  };
  const outputs = await run(cogvideoxTransformer(config), weights, data, sizes);
  const sample = channelsFirst(tensorOf(io, 'output.sample'));
  return [
    compare(notes, 'output.sample', outputs.get('prediction')!, sample),
    ...(['cos', 'sin'] as const).flatMap((name) => {
      const table = io.get(`input.rope_${name}`);
      return table && inputs[name] ? [compareTurns(golden, name, inputs[name], table)] : [];
    }),
  ];
}

/** A batch [N, F, C, H, W] as [N, C, F, H, W]. */
function channelsFirst(batch: FixtureTensor): FixtureTensor {
  const [n, f, c, h, w] = batch.shape as [number, number, number, number, number];
  const samples = Array.from({ length: n }, (_, i) => {
    const { values } = sampleOf(batch, i);
    return values.map((_, at) => {
      const [channel, frame] = [Math.floor(at / (f * h * w)), Math.floor(at / (h * w)) % f];
      return values[(frame * c + channel) * h * w + (at % (h * w))];
    });
  });
  return { shape: [n, c, f, h, w], values: joined(samples) };
}

/** The original has each value twice, and text apart; ours of the first clip are compared. */
function compareTurns(
  { io, notes }: ModelCase,
  name: string,
  table: Float32Array,
  { shape, values }: FixtureTensor,
): Comparison {
  const [tokens, headDim] = shape as [number, number];
  const pairs = headDim / 2;
  const text = tensorOf(io, 'input.encoder_hidden_states').shape[1];
  const ours = table.subarray(text * pairs, (text + tokens) * pairs);
  const reference = { shape: [tokens, pairs], values: values.filter((_, i) => i % 2 === 0) };
  return compare(notes, `input.rope_${name}`, ours, reference);
}
