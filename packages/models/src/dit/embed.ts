import type { GraphBuilder, Tensor } from '@tubelet/graph';
import { latentPatches } from '../patches.js';
import { linearLayer, type Weights } from '../weights.js';
import type { DitConfig } from './config.js';

/** The input's patches: [T, D]. */
export function embedPatches(w: Weights, positions: Tensor, config: DitConfig): Tensor {
  const { hiddenSize: D, inChannels: channels, patchSize: p } = config;
  const x = latentPatches(w.g, channels, { patchT: 1, patchH: p, patchW: p }); // [T, C·p²]
  return linearLayer(w, x, D, { storedShape: [D, channels, p, p], residual: positions }); // [T, D]
}

/** i32 [T], each token's row of the modulation. */
export function rowInput(g: GraphBuilder): Tensor {
  return g.input('row', [g.symbol('tokens')], 'i32');
}
