import { type GraphBuilder, patchify, type Tensor } from '@tubelet/graph';
import { linearLayer, type Weights } from '../weights.js';
import type { DitConfig } from './config.js';

/** The input's patches: [T, D]. */
export function embedPatches(w: Weights, positions: Tensor, config: DitConfig): Tensor {
  const { hiddenSize: D, inChannels: channels, patchSize: p } = config;
  const latents = w.g.input('latents', [w.g.symbol('elements')]);
  const geometry = w.g.input('geometry', [w.g.symbol('segments'), 5], 'i32');
  const patch = { patchT: 1, patchH: p, patchW: p };
  const tokens = w.g.symbol('tokens');
  const x = patchify(latents, geometry, { channels, ...patch, order: 'channel_first', tokens }); // [T, C·p²]
  return linearLayer(w, x, D, { storedShape: [D, channels, p, p], residual: positions }); // [T, D]
}

/** i32 [T], each token's row of the modulation. */
export function rowInput(g: GraphBuilder): Tensor {
  return g.input('row', [g.symbol('tokens')], 'i32');
}
