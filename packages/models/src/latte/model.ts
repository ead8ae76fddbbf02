import {
  activation,
  add,
  type Graph,
  type GraphBuilder,
  gather,
  graph,
  type Tensor,
} from '@tubelet/graph';
import { tableHead } from '../heads.js';
import { latentPatches, predictLatents } from '../patches.js';
import { pixartBlock } from '../pixart/block.js';
import { embedCondition, embedText } from '../pixart/embed.js';
import { sinCosLine } from '../positions.js';
import { linearLayer, weightsOf } from '../weights.js';
import type { LatteConfig } from './config.js';

/**
 * Latte for text to video (Ma et al. 2024; diffusers 0.42.1, LatteTransformer3DModel) for clips of any sizes packed one after
 * another; `packLatte` makes the index tensors. Spatial and temporal blocks alternate over the same tokens: before a
 * temporal block they are regrouped by place, behind it by frame. Padding of texts is left out, so there is no text mask.
 *
 * Inputs: latents f32 [elements], geometry and outputGeometry i32 [clips, 5], positions f32 [places, hiddenSize], place and frame
 * i32 [tokens], timestep f32 [rows], row i32 [tokens], spatialSegments i32 [frames, 4], crossSegments i32 [clips, 4],
 * temporalSegments i32 [places, 4], byPlace and byFrame i32 [tokens], text f32 [textTokens, captionChannels].
 * Output: prediction f32 [outputElements].
 */
export function latte(config: LatteConfig): Graph {
  return graph('latte', (g) => {
    const w = weightsOf(g);
    const { hiddenSize: D, inChannels, outChannels, patchSize: p } = config;
    const patch = { patchT: 1, patchH: p, patchW: p };
    const [clips, places] = [g.symbol('clips'), g.symbol('places')];
    const tokens = g.symbol('tokens');
    const ofTokens = (name: string) => g.input(name, [tokens], 'i32');
    const patches = latentPatches(g, inChannels, patch, 'clips'); // [T, C·p²]
    let x = linearLayer(w.at('pos_embed.proj'), patches, D, {
      storedShape: [D, inChannels, p, p],
      residual: gather(ofTokens('place'), g.input('positions', [places, D])),
    }); // [T, D]
    const embedded = w.within('adaln_single.emb', (w) =>
      embedCondition(w, { hiddenSize: D, sizeConditions: false }),
    ); // [R, D]
    const timeProjection = linearLayer(
      w.at('adaln_single.linear'),
      activation(embedded, 'silu'),
      6 * D,
    ); // [R, 6D]
    const row = ofTokens('row');
    const cross = {
      text: w.within('caption_projection', (w) => embedText(w, config)), // [textTokens, D]
      segments: g.input('crossSegments', [clips, 4], 'i32'),
    };
    const spatial = g.input('spatialSegments', [g.symbol('frames'), 4], 'i32');
    const temporal = g.input('temporalSegments', [places, 4], 'i32');
    const frame = ofTokens('frame');
    const byPlace = ofTokens('byPlace');
    const byFrame = ofTokens('byFrame');
    g.cut('embedded', x);
    for (let layer = 0; layer < config.layers; layer++) {
      x = w.within(`transformer_blocks.${layer}`, (w) =>
        pixartBlock(w, x, { timeProjection, row, segments: spatial, cross }, config),
      );
      if (layer === 0) x = add(x, gather(frame, framePositions(g, config)));
      // A clip's tokens stay within the clip, so rows of the modulation need no regrouping.
      x = w.within(`temporal_transformer_blocks.${layer}`, (w) =>
        pixartBlock(w, gather(byPlace, x), { timeProjection, row, segments: temporal }, config),
      );
      x = gather(byFrame, x);
      if (layer === 0) g.cut('first', x);
    }
    g.cut('last', x);
    const y = tableHead(w, x, embedded, row, p * p * outChannels); // [T, p²·outChannels]
    predictLatents(g, y, patch, 'channel_last', 'clips');
  });
}

/** A row for each frame, and one of zeros for pictures, which have no place in time: [frames + 1, D]. */
function framePositions(g: GraphBuilder, { hiddenSize: D, frames }: LatteConfig): Tensor {
  const table = new Float32Array((frames + 1) * D);
  table.set(sinCosLine(D, frames));
  return g.constant('temp_pos_embed', table, [frames + 1, D]);
}
