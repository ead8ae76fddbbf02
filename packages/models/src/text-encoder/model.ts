import {
  attention,
  columns,
  embedding,
  type Graph,
  graph,
  multiply,
  rmsNorm,
  type Tensor,
} from '@tubelet/graph';
import { fusedLinear, linearLayer, type Weights, weightsOf } from '../weights.js';
import { relativeBuckets } from './buckets.js';
import type { TextEncoderConfig } from './config.js';

/** Options of {@link textEncoder}. */
export interface TextEncoderOptions {
  /** Tokens of the longest text, padding included. */
  readonly maxLength: number;
  /** Also gives `hidden0`, `hidden1`, …: the embeddings and each block's output, the last one after the final norm. */
  readonly hiddenStates?: boolean;
}

/**
 * A T5 encoder (transformers 5.23.0, UMT5EncoderModel and T5EncoderModel) for texts packed one after another; `packTexts`
 * makes the index tensors.
 *
 * Inputs: ids i32 [tokens], segments i32 [segments, 4] whose key ranges leave out padding.
 * Output: hidden f32 [tokens, modelDim].
 */
export function textEncoder(config: TextEncoderConfig, options: TextEncoderOptions): Graph {
  return graph('text-encoder', (g) => {
    const w = weightsOf(g);
    const ids = g.input('ids', [g.symbol('tokens')], 'i32');
    const segments = g.input('segments', [g.symbol('segments'), 4], 'i32');
    const buckets = g.constant('buckets', relativeBuckets(config, options.maxLength));
    const table = w.get('shared.weight', [config.vocabSize, config.modelDim], {
      aliases: ['encoder.embed_tokens.weight'],
    });
    const keep = (index: number, x: Tensor) => {
      if (options.hiddenStates) g.output(`hidden${index}`, x);
    };

    let x = embedding(ids, table); // [T, modelDim]
    let bias: Tensor | undefined;
    for (let layer = 0; layer < config.layers; layer++) {
      keep(layer, x);
      w.within(`encoder.block.${layer}`, (w) => {
        if (config.tablePerBlock || bias === undefined) bias = relativeBias(w, buckets, config); // [distances, heads]
        const context = { segments, bias };
        x = w.within('layer.0', (w) => selfAttention(w, x, context, config));
        x = w.within('layer.1', (w) => feedForward(w, x, config));
      });
    }
    x = norm(w.at('encoder.final_layer_norm'), x, config);
    keep(config.layers, x);
    g.output('hidden', x);
  });
}

function norm(w: Weights, x: Tensor, { modelDim, epsilon }: TextEncoderConfig): Tensor {
  return rmsNorm(x, { weight: w.get('weight', [modelDim]), epsilon });
}

function relativeBias(w: Weights, buckets: Tensor, config: TextEncoderConfig): Tensor {
  const name = 'layer.0.SelfAttention.relative_attention_bias.weight';
  return embedding(buckets, w.get(name, [config.buckets, config.heads]));
}

/** Without the scale 1/√headDim, which the weights have in them. */
function selfAttention(
  w: Weights,
  x: Tensor,
  context: { segments: Tensor; bias: Tensor },
  config: TextEncoderConfig,
): Tensor {
  const { heads, modelDim } = config;
  const inner = heads * config.headDim;
  const attn = w.at('SelfAttention');
  const qkv = fusedLinear(attn, norm(w.at('layer_norm'), x, config), ['q', 'k', 'v'], inner, {
    bias: false,
  }); // [T, 3·inner]
  const [q, k, v] = [
    columns(qkv, 0, inner),
    columns(qkv, inner, inner),
    columns(qkv, 2 * inner, inner),
  ];
  const y = attention(q, k, v, context.segments, { heads, scale: 1, bias: context.bias }); // [T, inner]
  return linearLayer(attn.at('o'), y, modelDim, { bias: false, residual: x }); // [T, modelDim]
}

function feedForward(w: Weights, x: Tensor, config: TextEncoderConfig): Tensor {
  const { ffnDim, modelDim, activation } = config;
  const dense = w.at('DenseReluDense');
  const h = norm(w.at('layer_norm'), x, config);
  const up = linearLayer(dense.at(config.gated ? 'wi_0' : 'wi'), h, ffnDim, {
    bias: false,
    activation,
  }); // [T, ffnDim]
  const y = config.gated
    ? multiply(up, linearLayer(dense.at('wi_1'), h, ffnDim, { bias: false }))
    : up;
  return linearLayer(dense.at('wo'), y, modelDim, { bias: false, residual: x }); // [T, modelDim]
}
