import { activation, type Graph, graph } from '@tubelet/graph';
import { tableHead } from '../heads.js';
import { latentPatches, predictLatents } from '../patches.js';
import { embedCondition, embedText } from '../pixart/embed.js';
import { linearLayer, weightsOf } from '../weights.js';
import { type LtxCondition, ltxBlock } from './block.js';
import type { LtxConfig } from './config.js';

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
    const table = (name: string) => g.input(name, [segments, 4], 'i32');
    const patches = latentPatches(g, inChannels, patch); // [T, inChannels·patch]
    let x = linearLayer(w.at('proj_in'), patches, D); // [T, D]
    const embedded = w.within('time_embed.emb', (w) =>
      embedCondition(w, { hiddenSize: D, sizeConditions: false }),
    ); // [R, D]
    const c: LtxCondition = {
      timeProjection: linearLayer(w.at('time_embed.linear'), activation(embedded, 'silu'), 6 * D), // [R, 6D]
      row: g.input('row', [tokens], 'i32'),
      cos: g.input('cos', [tokens, D / 2]),
      sin: g.input('sin', [tokens, D / 2]),
      selfSegments: table('selfSegments'),
      text: w.within('caption_projection', (w) => embedText(w, config)), // [textTokens, D]
      crossSegments: table('crossSegments'),
    };
    g.cut('embedded', x);
    for (let layer = 0; layer < config.layers; layer++) {
      x = w.within(`transformer_blocks.${layer}`, (w) => ltxBlock(w, x, c, config));
      if (layer === 0) g.cut('first', x);
    }
    g.cut('last', x);
    const width = outChannels * patchSizeT * patchSize ** 2;
    predictLatents(g, tableHead(w, x, embedded, c.row, width), patch, 'channel_first');
  });
}
