import {
  activation,
  adaln,
  add,
  attention,
  columns,
  embedding,
  type Tensor,
  timestepEmbedding,
} from '@tubelet/graph';
import { embedder } from '../embedder.js';
import { fusedLinear, linearLayer, type Weights } from '../weights.js';
import { type DitConfig, epsilon } from './config.js';
import { embedPatches, rowInput } from './embed.js';

/**
 * DiT as diffusers has it (0.42.1, DiTTransformer2DModel): block 0's embedders also condition the output, and the
 * frequencies of the timestep are one short, as CombinedTimestepLabelEmbeddings asks.
 *
 * @returns [T, p²·outChannels]
 */
export function diffusersDit(w: Weights, config: DitConfig): Tensor {
  const { g } = w;
  const { hiddenSize: D, patchSize: p } = config;
  const positions = g.input('positions', [g.symbol('tokens'), D]);
  let x = embedPatches(w.at('pos_embed.proj'), positions, config); // [T, D]
  const timestep = g.input('timestep', [g.symbol('rows')]);
  const features = timestepEmbedding(timestep, { dim: 256, downscaleFreqShift: 1 }); // [R, 256]
  const label = g.input('label', [g.symbol('rows')], 'i32');
  const row = rowInput(g);
  const segments = g.input('segments', [g.symbol('segments'), 4], 'i32');
  const condition = (block: number) => {
    // Every block has embedders of its own.
    const at = w.at(`transformer_blocks.${block}.norm1.emb`);
    return activation(embedCondition(at, features, label, config), 'silu'); // [R, D]
  };
  const first = condition(0);
  g.cut('embedded', x);
  for (let i = 0; i < config.depth; i++) {
    const c = i === 0 ? first : condition(i);
    x = w.within(`transformer_blocks.${i}`, (w) => block(w, x, { c, row, segments }, config));
    if (i === 0) g.cut('first', x);
  }
  g.cut('last', x);
  const modulation = linearLayer(w.at('proj_out_1'), first, 2 * D); // [R, 2D]: shift, scale
  const h = adaln(x, modulation, row, { epsilon, shiftColumn: 0, scaleColumn: D });
  return linearLayer(w.at('proj_out_2'), h, p * p * config.outChannels);
}

function embedCondition(w: Weights, features: Tensor, label: Tensor, config: DitConfig): Tensor {
  const { hiddenSize: D, classes } = config;
  const table = w.get('class_embedder.embedding_table.weight', [classes + 1, D]);
  return add(embedder(w.at('timestep_embedder'), features, D), embedding(label, table)); // [R, D]
}

function block(
  w: Weights,
  x: Tensor,
  { c, row, segments }: { readonly c: Tensor; readonly row: Tensor; readonly segments: Tensor },
  { hiddenSize: D, heads, ffnDim, normEpsilon }: DitConfig,
): Tensor {
  const modulation = linearLayer(w.at('norm1.linear'), c, 6 * D); // [R, 6D]: shift, scale, gate of attention, of feed-forward
  const gated = (gateColumn: number, residual: Tensor) => ({
    modulation,
    row,
    gateColumn,
    residual,
  });
  const h = adaln(x, modulation, row, { epsilon, shiftColumn: 0, scaleColumn: D });
  const qkv = fusedLinear(w.at('attn1'), h, ['to_q', 'to_k', 'to_v'], D); // [T, 3D]
  const [q, k, v] = [columns(qkv, 0, D), columns(qkv, D, D), columns(qkv, 2 * D, D)];
  const a = attention(q, k, v, segments, { heads, scale: 1 / Math.sqrt(D / heads) }); // [T, D]
  x = linearLayer(w.at('attn1.to_out.0'), a, D, gated(2 * D, x));
  const f = adaln(x, modulation, row, {
    epsilon: normEpsilon,
    shiftColumn: 3 * D,
    scaleColumn: 4 * D,
  });
  const up = linearLayer(w.at('ff.net.0.proj'), f, ffnDim, { activation: 'gelu_tanh' }); // [T, ffnDim]
  return linearLayer(w.at('ff.net.2'), up, D, gated(5 * D, x)); // [T, D]
}
