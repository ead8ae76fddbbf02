import { ltxTransformer, packLtx, parseLtxConfig, timestepRows } from '@tubelet/models';
import { joined } from '../joined.js';
import type { RunGraph } from '../run-graph.js';
import type { FixtureTensor } from '../safetensors-fixture.js';
import { type Closeness, type Comparison, compare, worstOf } from './closeness.js';
import { checkLtxVae } from './ltx-vae.js';
import { type ModelCase, readModelCase, sampleOf, tensorOf } from './model-case.js';
import { onAddon } from './on-addon.js';

/** Runs a case of goldens/ltx, transformer or autoencoder. */
export async function checkLtxCase(directory: string, run: RunGraph = onAddon): Promise<Closeness> {
  const golden = await readModelCase(directory);
  const isVae = golden.config._class_name === 'AutoencoderKLLTXVideo';
  return worstOf(await (isVae ? checkLtxVae : checkTransformer)(golden, run));
}

/** The batch as clips of one run, texts without what their masks hide. */
async function checkTransformer(golden: ModelCase, run: RunGraph): Promise<Comparison[]> {
  const { config: json, io, notes, weights } = golden;
  const config = parseLtxConfig(json);
  const given = tensorOf(io, 'input.hidden_states');
  const batch = given.shape[0];
  const [frames, height, width] = tensorOf(io, 'input.grid').values;
  const [t, h, w] = tensorOf(io, 'input.rope_interpolation_scale').values;
  const each = Array.from({ length: batch }, (_, i) => {
    const mask = sampleOf(tensorOf(io, 'input.encoder_attention_mask'), i).values;
    const { values } = sampleOf(tensorOf(io, 'input.encoder_hidden_states'), i);
    const text = values.filter((_, at) => mask[Math.floor(at / config.captionChannels)] === 1);
    return { text, ...timestepRows(sampleOf(tensorOf(io, 'input.timestep'), i).values) };
  });
  const clips = each.map(({ text, rows, rowOf }) => ({
    frames,
    height,
    width,
    textTokens: text.length / config.captionChannels,
    scale: [t, h, w] as const,
    rows: rows.length,
    rowOf,
  }));
  const { sizes, inputs } = packLtx(config, clips);
  const data = {
    ...inputs,
    latents: channelsFirst(given).values,
    text: joined(each.map(({ text }) => text)),
    timestep: joined(each.map(({ rows }) => rows)),
  };
  const outputs = await run(ltxTransformer(config), weights, data, sizes);
  const sample = channelsFirst(tensorOf(io, 'output.sample'));
  return [
    compare(notes, 'output.sample', outputs.get('prediction')!, sample),
    ...(['cos', 'sin'] as const).map((name) => {
      const reference = everySecond(tensorOf(io, `mid.rope_${name}`));
      return compare(notes, `mid.rope_${name}`, inputs[name], reference);
    }),
  ];
}

/** Tokens [N, T, C] as latents [N, C, T]: a token is one latent. */
function channelsFirst(batch: FixtureTensor): FixtureTensor {
  const [n, tokens, channels] = batch.shape as [number, number, number];
  const samples = Array.from({ length: n }, (_, i) => {
    const { values } = sampleOf(batch, i);
    return values.map((_, at) => values[(at % tokens) * channels + Math.floor(at / tokens)]);
  });
  return { shape: [n, channels, tokens], values: joined(samples) };
}

/** The original has each value of a pair twice. */
function everySecond({ shape, values }: FixtureTensor): FixtureTensor {
  const half = values.filter((_, i) => i % 2 === 0);
  return { shape: [...shape.slice(0, -1), (shape.at(-1) ?? 0) / 2], values: half };
}
