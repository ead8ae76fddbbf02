import { packVit, parseVitConfig, vit, vitPositions } from '@tubelet/models';
import type { RunGraph } from '../run-graph.js';
import { type Closeness, type Comparison, compare, worstOf } from './closeness.js';
import { readModelCase, tensorOf } from './model-case.js';
import { onAddon } from './on-addon.js';

/** Runs a case of goldens/vit: every size of image it has, with the position tables of those sizes. */
export async function checkVitCase(directory: string, run: RunGraph = onAddon): Promise<Closeness> {
  const { config: json, io, notes, weights } = await readModelCase(directory);
  const config = parseVitConfig(json);
  const stored = ['', 'vit.'].map((prefix) =>
    weights.get(`${prefix}embeddings.position_embeddings`),
  );
  const table = stored.find((tensor) => tensor !== undefined)!.values;
  const graph = vit(config, { pooler: weights.has('pooler.dense.weight') });
  const comparisons: Comparison[] = [];
  for (const [name, { shape, values: pixels }] of io) {
    const [, suffix] = /^input\.pixel_values(.*)$/.exec(name) ?? [];
    if (suffix === undefined) continue;
    const [batch, , height, width] = shape as [number, number, number, number];
    const images = Array.from({ length: batch }, () => ({ height, width }));
    const { sizes, inputs } = packVit(config, images, table);
    const outputs = await run(graph, weights, { ...inputs, pixels }, sizes);
    const grid = { rows: height / config.patchSize, columns: width / config.patchSize };
    const got = {
      last_hidden_state: outputs.get('hidden'),
      pooler_output: outputs.get('pooled'),
      logits: outputs.get('logits'),
      position_embeddings: vitPositions(config, table, grid),
    };
    for (const [output, values] of Object.entries(got)) {
      const full = `output.${output}${suffix}`;
      if (io.has(full)) comparisons.push(compare(notes, full, values ?? [], tensorOf(io, full)));
    }
  }
  return worstOf(comparisons);
}
