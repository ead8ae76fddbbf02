import {
  activation,
  adaln,
  add,
  concatColumns,
  type Graph,
  graph,
  patchify,
  unpatchify,
} from '@tubelet/graph';
import { embedCondition, embedText } from '../pixart/embed.js';
import { linearLayer, weightsOf } from '../weights.js';
import { type LtxCondition, ltxBlock } from './block.js';
import type { LtxConfig } from './config.js';

/** Of the last norm. */
const epsilon = 1e-6;

/**
 * LTX-Video (HaCohen et al. 2024; diffusers 0.42.1, LTXVideoTransformer3DModel) for clips of any sizes packed one after another;
 * `packLtx` makes the index tensors. Latents of a clip are [C, F, H, W]: what the original's pipeline packs into tokens.
 * Padding of texts is left out, so there is no text mask.
 *
 * Inputs: latents f32 [elements], geometry and outputGeometry i32 [segments, 5], timestep f32 [rows], row i32 [tokens], text f32
 * [textTokens, captionChannels], selfSegments and crossSegments i32 [segments, 4], cos and sin f32 [tokens, hiddenSize / 2].
 * Output: prediction f32 [outputElements].
 */
export function ltxTransformer(config: LtxConfig): Graph {
  return graph('ltx', (g) => {
    const w = weightsOf(g);
    const { hiddenSize: D, patchSize, patchSizeT, inChannels, outChannels } = config;
    const patch = { patchT: patchSizeT, patchH: patchSize, patchW: patchSize };
    const [tokens, segments] = [g.symbol('tokens'), g.symbol('segments')];
    const table = (name: string, columns: number) => g.input(name, [segments, columns], 'i32');
    const patches = patchify(g.input('latents', [g.symbol('elements')]), table('geometry', 5), {
      channels: inChannels,
      ...patch,
      order: 'channel_first',
      tokens,
    }); // [T, inChannels·patch]
    let x = linearLayer(w.at('proj_in'), patches, D); // [T, D]
    const embedded = w.within('time_embed.emb', (w) =>
      embedCondition(w, { hiddenSize: D, sizeConditions: false }),
    ); // [R, D]
    const c: LtxCondition = {
      timeProjection: linearLayer(w.at('time_embed.linear'), activation(embedded, 'silu'), 6 * D), // [R, 6D]
      row: g.input('row', [tokens], 'i32'),
      cos: g.input('cos', [tokens, D / 2]),
      sin: g.input('sin', [tokens, D / 2]),
      selfSegments: table('selfSegments', 4),
      text: w.within('caption_projection', (w) => embedText(w, config)), // [textTokens, D]
      crossSegments: table('crossSegments', 4),
    };
    g.cut('embedded', x);
    for (let layer = 0; layer < config.layers; layer++) {
      x = w.within(`transformer_blocks.${layer}`, (w) => ltxBlock(w, x, c, config));
      if (layer === 0) g.cut('first', x);
    }
    g.cut('last', x);
    const last = w.get('scale_shift_table', [2 * D], { storedShape: [2, D] });
    const modulation = add(concatColumns(embedded, embedded), last); // [R, 2D]: shift, scale
    const h = adaln(x, modulation, c.row, { epsilon, shiftColumn: 0, scaleColumn: D });
    const width = outChannels * patchSizeT * patchSize * patchSize;
    g.output(
      'prediction',
      unpatchify(linearLayer(w.at('proj_out'), h, width), table('outputGeometry', 5), {
        channels: outChannels,
        ...patch,
        order: 'channel_first',
        elements: g.symbol('outputElements'),
      }),
    );
  });
}
