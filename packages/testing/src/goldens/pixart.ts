import { packPixart, parsePixartConfig, pixart } from '@tubelet/models';
import { joined } from '../joined.js';
import type { RunGraph } from '../run-graph.js';
import { type Closeness, compare, worstOf } from './closeness.js';
import { readModelCase, sampleOf, tensorOf } from './model-case.js';
import { onAddon } from './on-addon.js';

/** Runs a case of goldens/pixart: the batch as images of one run, texts without what their masks hide. */
export async function checkPixartCase(
  directory: string,
  run: RunGraph = onAddon,
): Promise<Closeness> {
  const { config: json, io, notes, weights } = await readModelCase(directory);
  const config = parsePixartConfig(json);
  const { shape, values: latents } = tensorOf(io, 'input.hidden_states');
  const [batch, , height, width] = shape as [number, number, number, number];
  const texts = Array.from({ length: batch }, (_, i) => {
    const mask = sampleOf(tensorOf(io, 'input.encoder_attention_mask'), i).values;
    const { values } = sampleOf(tensorOf(io, 'input.encoder_hidden_states'), i);
    return values.filter((_, at) => mask[Math.floor(at / config.captionChannels)] === 1);
  });
  const images = texts.map((text) => {
    return { height, width, textTokens: text.length / config.captionChannels };
  });
  const { sizes, inputs } = packPixart(config, images);
  const timestep = tensorOf(io, 'input.timestep').values;
  const resolution = io.get('input.resolution')?.values;
  const conditions = resolution && {
    imageHeight: resolution.filter((_, i) => i % 2 === 0),
    imageWidth: resolution.filter((_, i) => i % 2 === 1),
    aspectRatio: tensorOf(io, 'input.aspect_ratio').values,
  };
  const data = { ...inputs, latents, timestep, text: joined(texts), ...conditions };
  const outputs = await run(pixart(config), weights, data, sizes);
  const reference = tensorOf(io, 'output.sample');
  return worstOf([compare(notes, 'output.sample', outputs.get('prediction')!, reference)]);
}
