import {
  activation,
  add,
  attention,
  type Graph,
  gather,
  graph,
  patchify,
  type Tensor,
} from '@tubelet/graph';
import { linearLayer, type Weights, weightsOf } from '../weights.js';
import { vitBlock, vitNorm } from './block.js';
import type { VitConfig } from './config.js';

/** What {@link vit} gives. */
export interface VitOptions {
  /** What speaks for an image: its class token (default), or the mean of all its patches. */
  readonly summary?: 'class' | 'mean';
  /** Also gives the pooler's output; the checkpoint must have one. */
  readonly pooler?: boolean;
}

/**
 * ViT (transformers 5.23.0, ViTModel and ViTForImageClassification) for images of any sizes packed one after another;
 * `packVit` makes the index tensors and the positions. Checkpoints may have the prefix `vit.` or not.
 *
 * Inputs: pixels f32 [elements], [channels, H, W] per image; geometry i32 [segments, 5]; tokenIndex i32 [tokens]; positions
 * f32 [tokens, hiddenSize]; segments i32 [segments, 4]; summaryIndex i32 [segments]; with the mean also summarySegments i32
 * [segments, 4].
 * Outputs: hidden f32 [tokens, hiddenSize] after the final norm, class token first; summary f32 [segments, hiddenSize]; with a
 * pooler pooled f32 [segments, poolerDim]; with a classification head logits f32 [segments, labels].
 */
export function vit(config: VitConfig, { summary = 'class', pooler }: VitOptions = {}): Graph {
  return graph('vit', (g) => {
    const w = weightsOf(g, 'vit', ['']);
    const segments = g.input('segments', [g.symbol('segments'), 4], 'i32');
    let x = w.within('embeddings', (w) => embed(w, config)); // [T, D]
    for (let layer = 0; layer < config.layers; layer++) {
      x = w.within(`encoder.layer.${layer}`, (w) => vitBlock(w, x, segments, config));
    }
    const hidden = vitNorm(w.at('layernorm'), x, config);
    const first = gather(g.input('summaryIndex', [g.symbol('segments')], 'i32'), hidden); // [S, D]
    const y = summary === 'class' ? first : meanOf(first, hidden);
    g.output('hidden', hidden);
    g.output('summary', y);
    if (pooler) {
      const pooled = linearLayer(w.at('pooler.dense'), first, config.poolerDim);
      g.output('pooled', activation(pooled, 'tanh'));
    }
    if (config.labels === null) return;
    g.output('logits', linearLayer(weightsOf(g).at('classifier'), y, config.labels.length));
  });
}

function embed(w: Weights, config: VitConfig): Tensor {
  const { g } = w;
  const { hiddenSize: D, channels, patchSize: p } = config;
  const patches = patchify(
    g.input('pixels', [g.symbol('elements')]),
    g.input('geometry', [g.symbol('segments'), 5], 'i32'),
    {
      channels,
      patchT: 1,
      patchH: p,
      patchW: p,
      order: 'channel_first',
      tokens: g.symbol('patches'),
    },
  ); // [patches, C·p²]
  const storedShape = [D, channels, p, p];
  const x = linearLayer(w.at('patch_embeddings.projection'), patches, D, { storedShape });
  const token = w.get('cls_token', [1, D], { storedShape: [1, 1, D] });
  const tokens = g.symbol('tokens');
  const together = gather(g.input('tokenIndex', [tokens], 'i32'), x, token); // [T, D]
  return add(together, g.input('positions', [tokens, D]));
}

/** The mean of an image's patches: attention whose scores are all 0. */
function meanOf(query: Tensor, hidden: Tensor): Tensor {
  const { builder: g } = hidden;
  const segments = g.input('summarySegments', [g.symbol('segments'), 4], 'i32');
  return attention(query, hidden, hidden, segments, { heads: 1, scale: 0 }); // [S, D]
}
