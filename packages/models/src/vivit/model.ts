import {
  activation,
  add,
  attention,
  type Graph,
  type GraphBuilder,
  gather,
  graph,
  patchify,
  type Tensor,
} from '@tubelet/graph';
import { vitBlock, vitNorm } from '../vit/block.js';
import { linearLayer, type Weights, weightsOf } from '../weights.js';
import { factorizedBlock, splitHeadsBlock, type VivitAxes } from './block.js';
import { blockConfig, inputName, type VivitConfig, type VivitEncoder } from './config.js';

/** What {@link vivit} gives besides. */
export interface VivitOptions {
  /** Also gives the pooler's output; the checkpoint must have one. */
  readonly pooler?: boolean;
}

/**
 * ViViT, models 1 to 4 (Arnab et al. 2021; model 1 as transformers 5.23.0 has it, all as google-research/scenic@4a38d47), for clips
 * packed one after another; `packVivit` makes the index tensors. Weights have transformers' names, with or without the prefix
 * `vivit.`; those of scenic are renamed by `scenicVivitWeights`.
 *
 * Inputs: pixels f32 [elements], [channels, F, H, W] per clip, and what `packVivit` makes for the design.
 * Outputs: hidden f32 [tokens, hiddenSize] after the final norm, class token first (in model 2 of the temporal encoder); summary
 * f32 [clips, hiddenSize]; with a pooler pooled f32 [clips, poolerDim]; with a classification head logits f32 [clips, labels].
 */
export function vivit(config: VivitConfig, { pooler }: VivitOptions = {}): Graph {
  return graph('vivit', (g) => {
    const w = weightsOf(g, 'vivit', ['']);
    const patches = embedTubelets(w, config); // [patches, D]
    const hidden =
      config.attention === 'factorized-encoder'
        ? factorizedEncoder(w, patches, config)
        : oneEncoder(w, patches, config);
    const summary = summarised(hidden, config, { prefix: '', rows: 'clips' }); // [clips, D]
    g.output('hidden', hidden);
    g.output('summary', summary);
    if (pooler) {
      const pooled = linearLayer(w.at('pooler.dense'), summary, config.poolerDim);
      g.output('pooled', activation(pooled, 'tanh'));
    }
    const { representationSize: size, labels } = config;
    const head = weightsOf(g);
    const y =
      size === null
        ? summary
        : activation(linearLayer(head.at('pre_logits'), summary, size), 'tanh');
    if (labels) g.output('logits', linearLayer(head.at('classifier'), y, labels.length));
  });
}

function embedTubelets(w: Weights, config: VivitConfig): Tensor {
  const { g } = w;
  const { hiddenSize: D, channels, tubeletSize } = config;
  const [patchT, patchH, patchW] = tubeletSize;
  const patches = patchify(
    g.input('pixels', [g.symbol('elements')]),
    g.input('geometry', [g.symbol('clips'), 5], 'i32'),
    { channels, patchT, patchH, patchW, order: 'channel_first', tokens: g.symbol('patches') },
  ); // [patches, C·t·h·w]
  const storedShape = [D, channels, patchT, patchH, patchW];
  return linearLayer(w.at('embeddings.patch_embeddings.projection'), patches, D, { storedShape });
}

/** Models 1, 3 and 4. */
function oneEncoder(w: Weights, patches: Tensor, config: VivitConfig): Tensor {
  const { g } = w;
  const { encoder, attention: design, attentionOrder } = config;
  const block = blockConfig(config, encoder);
  const names = { cls: 'embeddings.cls_token', prefix: '', tokens: 'tokens' };
  let x = withPositions(w, patches, config, names); // [T, D]
  const axes = design === 'spacetime' ? undefined : axesOf(g);
  const segments = axes ? undefined : g.input('segments', [g.symbol('clips'), 4], 'i32');
  for (let layer = 0; layer < encoder.layers; layer++) {
    x = w.within(`encoder.layer.${layer}`, (w) => {
      if (segments) return vitBlock(w, x, segments, block);
      return design === 'factorized-self-attention'
        ? factorizedBlock(w, x, axes!, attentionOrder, block)
        : splitHeadsBlock(w, x, axes!, block);
    });
  }
  return vitNorm(w.at('layernorm'), x, config);
}

/** Model 2: what speaks for each frame is a token of a second encoder. */
function factorizedEncoder(w: Weights, patches: Tensor, config: VivitConfig): Tensor {
  const spatial = plainEncoder(w.at('spatial'), patches, config, config.encoder, {
    prefix: 'frame',
    tokens: 'frameTokens',
    segments: 'frames',
  });
  const frames = summarised(spatial, config, { prefix: 'frame', rows: 'frames' }); // [frames, D]
  return plainEncoder(w.at('temporal'), frames, config, config.temporalEncoder!, {
    prefix: '',
    tokens: 'tokens',
    segments: 'clips',
  });
}

interface InputNames {
  /** Before the names of its inputs. */
  readonly prefix: string;
  /** Symbols. */
  readonly tokens: string;
  readonly segments: string;
}

function plainEncoder(
  w: Weights,
  given: Tensor,
  config: VivitConfig,
  encoder: VivitEncoder,
  { prefix, tokens, segments: rows }: InputNames,
): Tensor {
  const { g } = w;
  let x = withPositions(w, given, config, { cls: 'cls_token', prefix, tokens });
  const segments = g.input(inputName(prefix, 'segments'), [g.symbol(rows), 4], 'i32');
  for (let layer = 0; layer < encoder.layers; layer++) {
    const block = blockConfig(config, encoder);
    x = w.within(`encoder.layer.${layer}`, (w) => vitBlock(w, x, segments, block));
  }
  return vitNorm(w.at('layernorm'), x, config);
}

/** Puts a class token before each part, where the model has one, and adds positions. */
function withPositions(
  w: Weights,
  x: Tensor,
  { hiddenSize: D, summary }: VivitConfig,
  of: { readonly cls: string; readonly prefix: string; readonly tokens: string },
): Tensor {
  const { g } = w;
  const tokens = g.symbol(of.tokens);
  const positions = g.input(inputName(of.prefix, 'positions'), [tokens, D]);
  const index = g.input(inputName(of.prefix, 'tokenIndex'), [tokens], 'i32');
  if (summary === 'mean') return add(gather(index, x), positions);
  const token = w.get(of.cls, [1, D], { storedShape: [1, 1, D] });
  return add(gather(index, x, token), positions); // [T, D]
}

/** The class token of each part, or the mean of its tokens: attention whose scores are all 0. */
function summarised(
  hidden: Tensor,
  { summary }: VivitConfig,
  { prefix, rows }: { readonly prefix: string; readonly rows: string },
): Tensor {
  const { builder: g } = hidden;
  const index = g.input(inputName(prefix, 'summaryIndex'), [g.symbol(rows)], 'i32');
  const first = gather(index, hidden);
  if (summary === 'class') return first;
  const segments = g.input(inputName(prefix, 'summarySegments'), [g.symbol(rows), 4], 'i32');
  return attention(first, hidden, hidden, segments, { heads: 1, scale: 0 });
}

function axesOf(g: GraphBuilder): VivitAxes {
  const tokens = g.symbol('tokens');
  return {
    frameSegments: g.input('frameSegments', [g.symbol('frames'), 4], 'i32'),
    placeSegments: g.input('placeSegments', [g.symbol('places'), 4], 'i32'),
    toPlaces: g.input('toPlaces', [tokens], 'i32'),
    toFrames: g.input('toFrames', [tokens], 'i32'),
  };
}
