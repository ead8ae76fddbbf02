import {
  attention,
  embedding,
  type Graph,
  graph,
  linear,
  multiply,
  rmsNorm,
  rotary,
  type Tensor,
} from '@tubelet/graph';
import { linearLayer, type Weights, weightsOf } from '../weights.js';
import type { LlamaConfig } from './llama-config.js';

/** How much of the model {@link llamaEncoder} runs. */
export interface LlamaOptions {
  /**
   * How many blocks are run: `hidden` is then what transformers calls hidden_states of that index, without the final norm unless
   * it is all of them. Default all.
   */
  readonly blocks?: number;
}

/** What every block is given beside the tokens. */
interface LlamaContext {
  readonly segments: Tensor;
  readonly cos: Tensor;
  readonly sin: Tensor;
}

/**
 * A Llama as a text encoder (Touvron et al. 2023; transformers 5.23.0, LlamaModel) for texts packed one after another;
 * `packLlamaTexts` makes the index tensors. Checkpoints may have the prefix `model.` or not.
 *
 * Inputs: ids i32 [tokens], segments i32 [segments, 4], cos and sin f32 [tokens, headDim / 2].
 * Output: hidden f32 [tokens, hiddenSize].
 */
export function llamaEncoder(
  config: LlamaConfig,
  { blocks = config.layers }: LlamaOptions = {},
): Graph {
  return graph('llama', (g) => {
    const w = weightsOf(g, '', ['model']);
    g.output('hidden', llamaHidden(w, embedWords(w, config), config, blocks));
  });
}

/** The embeddings of `ids`: [T, D] */
export function embedWords(w: Weights, { vocabSize, hiddenSize }: LlamaConfig): Tensor {
  const table = w.get('embed_tokens.weight', [vocabSize, hiddenSize]);
  return embedding(w.g.input('ids', [w.g.symbol('tokens')], 'i32'), table);
}

/**
 * Embedded tokens behind the first `blocks` blocks, and behind the final norm where it is all of them.
 *
 * @param embedded [T, D]
 * @returns [T, D]
 */
export function llamaHidden(
  w: Weights,
  embedded: Tensor,
  config: LlamaConfig,
  blocks: number,
): Tensor {
  const { g } = w;
  const { headDim, layers } = config;
  const tokens = g.symbol('tokens');
  const context: LlamaContext = {
    segments: g.input('segments', [g.symbol('segments'), 4], 'i32'),
    cos: g.input('cos', [tokens, headDim / 2]),
    sin: g.input('sin', [tokens, headDim / 2]),
  };
  let x = embedded;
  for (let layer = 0; layer < blocks; layer++)
    x = w.within(`layers.${layer}`, (w) => block(w, x, context, config));
  return blocks === layers ? norm(w.at('norm'), x, config) : x;
}

function norm(w: Weights, x: Tensor, { hiddenSize, epsilon }: LlamaConfig): Tensor {
  return rmsNorm(x, { weight: w.get('weight', [hiddenSize]), epsilon });
}

function block(w: Weights, x: Tensor, context: LlamaContext, config: LlamaConfig): Tensor {
  const { hiddenSize: D, heads, headDim, ffnDim } = config;
  const attn = w.at('self_attn');
  const h = norm(w.at('input_layernorm'), x, config);
  const turned = (t: Tensor) => rotary(t, context.cos, context.sin, { headDim, layout: 'halves' });
  const q = linearLayer(attn.at('q_proj'), h, heads * headDim, { bias: false }); // [T, heads·headDim]
  const k = sharedHeads(attn, 'k_proj', h, config);
  const v = sharedHeads(attn, 'v_proj', h, config);
  const scale = 1 / Math.sqrt(headDim);
  const a = attention(turned(q), turned(k), v, context.segments, { heads, scale, causal: true });
  x = linearLayer(attn.at('o_proj'), a, D, { bias: false, residual: x }); // [T, D]
  const f = norm(w.at('post_attention_layernorm'), x, config);
  const mlp = w.at('mlp');
  const gate = linearLayer(mlp.at('gate_proj'), f, ffnDim, { bias: false, activation: 'silu' });
  const up = multiply(gate, linearLayer(mlp.at('up_proj'), f, ffnDim, { bias: false })); // [T, ffnDim]
  return linearLayer(mlp.at('down_proj'), up, D, { bias: false, residual: x }); // [T, D]
}

/** Keys or values for every head of the queries, each head's rows as often as queries share it: [T, heads·headDim] */
function sharedHeads(w: Weights, name: string, x: Tensor, config: LlamaConfig): Tensor {
  const { hiddenSize: D, heads, keyHeads, headDim } = config;
  if (keyHeads === heads) return linearLayer(w.at(name), x, heads * headDim, { bias: false });
  const stored = { names: w.names(`${name}.weight`), shape: [keyHeads * headDim, D] };
  const sources = Array.from({ length: heads }, (_, head) => {
    const start = Math.floor((head * keyHeads) / heads) * headDim;
    return { ...stored, rows: [start, start + headDim] as const };
  });
  const weight = w.get(`${name}.weight`, [heads * headDim, D], { sources });
  return linear(x, weight, {});
}
