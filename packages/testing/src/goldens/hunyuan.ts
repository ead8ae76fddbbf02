import { hunyuanTransformer, packHunyuan, parseHunyuanConfig } from '@tubelet/models';
import { joined } from '../joined.js';
import type { RunGraph } from '../run-graph.js';
import { type Closeness, type Comparison, compare, worstOf } from './closeness.js';
import { compareHunyuanVae } from './hunyuan-vae.js';
import { keptRows, type ModelCase, readModelCase, tensorOf } from './model-case.js';
import { onAddon } from './on-addon.js';

/** Runs a case of goldens/hunyuan, a transformer or an autoencoder. */
export async function checkHunyuanCase(
  directory: string,
  run: RunGraph = onAddon,
): Promise<Closeness> {
  const golden = await readModelCase(directory);
  const isVae = golden.config._class_name === 'AutoencoderKLHunyuanVideo';
  return worstOf(
    isVae ? await compareHunyuanVae(golden, run) : [await compareTransformer(golden, run)],
  );
}

/** The batch as clips of one run, each with the text its mask keeps. */
async function compareTransformer(golden: ModelCase, run: RunGraph): Promise<Comparison> {
  const { config: json, io, notes, weights } = golden;
  const config = parseHunyuanConfig(json);
  const latents = tensorOf(io, 'input.hidden_states');
  const [, , frames, height, width] = latents.shape as [number, number, number, number, number];
  const texts = keptRows(io, 'input.encoder_hidden_states', 'input.encoder_attention_mask');
  const clips = texts.map(({ length }) => ({
    frames,
    height,
    width,
    textTokens: length / config.textDim,
  }));
  const { sizes, inputs } = packHunyuan(config, clips);
  const guidance = io.get('input.guidance')?.values;
  const data = {
    ...inputs,
    latents: latents.values,
    text: joined(texts),
    timestep: tensorOf(io, 'input.timestep').values,
    pooled: tensorOf(io, 'input.pooled_projections').values,
    ...(guidance ? { guidance } : {}),
  };
  const outputs = await run(hunyuanTransformer(config), weights, data, sizes);
  const reference = tensorOf(io, 'output.sample');
  return compare(notes, 'output.sample', outputs.get('prediction')!, reference);
}
