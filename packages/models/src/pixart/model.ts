import { activation, type Graph, graph } from '@tubelet/graph';
import { tableHead } from '../heads.js';
import { latentPatches, predictLatents } from '../patches.js';
import { linearLayer, weightsOf } from '../weights.js';
import { type PixartCondition, pixartBlock } from './block.js';
import type { PixartConfig } from './config.js';
import { embedCondition, embedText } from './embed.js';

/**
 * PixArt alpha and sigma (Chen et al. 2023, 2024; diffusers 0.42.1, PixArtTransformer2DModel) for images of any sizes packed one
 * after another; `packPixart` makes the index tensors. Padding of texts is left out, so there is no text mask.
 *
 * Inputs: latents f32 [elements], geometry and outputGeometry i32 [segments, 5], positions f32 [tokens, hiddenSize], timestep
 * f32 [rows], row i32 [tokens], segments and crossSegments i32 [segments, 4], text f32 [textTokens, captionChannels]; with size
 * conditions also imageHeight, imageWidth (pixels) and aspectRatio (height / width) f32 [rows].
 * Output: prediction f32 [outputElements].
 */
export function pixart(config: PixartConfig): Graph {
  return graph('pixart', (g) => {
    const w = weightsOf(g);
    const { hiddenSize: D, inChannels, outChannels, patchSize: p } = config;
    const patch = { patchT: 1, patchH: p, patchW: p };
    const segments = g.symbol('segments');
    const tokens = g.symbol('tokens');
    const patches = latentPatches(g, inChannels, patch); // [T, C·p²]
    let x = linearLayer(w.at('pos_embed.proj'), patches, D, {
      storedShape: [D, inChannels, p, p],
      residual: g.input('positions', [tokens, D]),
    }); // [T, D]
    const embedded = w.within('adaln_single.emb', (w) => embedCondition(w, config)); // [R, D]
    const c: PixartCondition = {
      timeProjection: linearLayer(w.at('adaln_single.linear'), activation(embedded, 'silu'), 6 * D), // [R, 6D]
      row: g.input('row', [tokens], 'i32'),
      segments: g.input('segments', [segments, 4], 'i32'),
      cross: {
        text: w.within('caption_projection', (w) => embedText(w, config)), // [textTokens, D]
        segments: g.input('crossSegments', [segments, 4], 'i32'),
      },
    };
    g.cut('embedded', x);
    for (let layer = 0; layer < config.layers; layer++) {
      x = w.within(`transformer_blocks.${layer}`, (w) => pixartBlock(w, x, c, config));
      if (layer === 0) g.cut('first', x);
    }
    g.cut('last', x);
    const y = tableHead(w, x, embedded, c.row, p * p * outChannels); // [T, p²·outChannels]
    predictLatents(g, y, patch, 'channel_last');
  });
}
