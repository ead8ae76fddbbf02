import {
  add,
  attention,
  columns,
  embedding,
  gather,
  layerNorm,
  linear,
  multiply,
  reshape,
  type Tensor,
} from '@tubelet/graph';
import { fusedLinear, linearLayer, type Weights } from '../weights.js';
import type { UnetAttention } from './config.js';
import { normGroups, type UnetRun } from './run.js';

/** Of the norms in front of all attention, and of those in transformer blocks. */
const [groupEpsilon, layerEpsilon] = [1e-6, 1e-5];

/** What an attention reads: the text, or the tokens themselves. */
interface Source {
  readonly text?: Tensor;
  /** i32 [S, 4] */
  readonly segments: Tensor;
}

interface BlockOptions {
  readonly heads: number;
  /** Of the first attention and the second. */
  readonly sources: readonly [Source, Source];
  /** How many positions are added in front of either attention; i32 [T], each token's. */
  readonly positions?: { readonly count: number; readonly index: Tensor };
}

/**
 * Attention among the places of each picture and to the clip's text (Transformer2DModel).
 *
 * @param x [N, H, W, C]
 * @returns same
 */
export function spatialAttention(
  w: Weights,
  x: Tensor,
  { heads, blocks, readsTextOnly }: UnetAttention,
  run: UnetRun,
): Tensor {
  const [n, height, width, c] = x.shape.map(Number) as [number, number, number, number];
  const { config, text } = run;
  const grid = run.grid(x);
  const stored = config.linearProjection ? {} : { storedShape: [c, c, 1, 1] };
  const places = n * height * width;
  let h = reshape(normGroups(w.at('norm'), x, config, { epsilon: groupEpsilon }), [places, c]);
  h = linearLayer(w.at('proj_in'), h, c, stored);
  const cross = { text, segments: grid.crossSegments() };
  const first = readsTextOnly ? cross : { segments: grid.segments() };
  const options: BlockOptions = { heads, sources: [first, cross] };
  for (let i = 0; i < blocks; i++)
    h = w.within(`transformer_blocks.${i}`, (w) => transformerBlock(w, h, options));
  const residual = reshape(x, [places, c]);
  return reshape(linearLayer(w.at('proj_out'), h, c, { ...stored, residual }), x.shape);
}

/**
 * Attention of each place to itself in all frames of its clip, twice in each block (TransformerTemporalModel,
 * AnimateDiffTransformer3D).
 *
 * @param x [N, H, W, C]
 * @param inner width of the blocks; default C
 * @returns same
 */
export function temporalAttention(
  w: Weights,
  x: Tensor,
  { heads, blocks }: UnetAttention,
  run: UnetRun,
  inner = Number(x.shape[3]),
): Tensor {
  const [n, height, width, c] = x.shape.map(Number) as [number, number, number, number];
  const { config } = run;
  const grid = run.grid(x);
  const places = n * height * width;
  const clips = reshape(x, [grid.clips, grid.frames * height, width, c]);
  const normed = normGroups(w.at('norm'), clips, config, { epsilon: groupEpsilon });
  const grouped = gather(grid.byPlace(), reshape(normed, [places, c]));
  let h = linearLayer(w.at('proj_in'), grouped, inner); // [T, inner]
  const count = config.motionFrames;
  const positions = count === null ? {} : { positions: { count, index: grid.frame() } };
  const itself = { segments: grid.temporalSegments() };
  const options: BlockOptions = { heads, sources: [itself, itself], ...positions };
  for (let i = 0; i < blocks; i++)
    h = w.within(`transformer_blocks.${i}`, (w) => transformerBlock(w, h, options));
  const residual = reshape(x, [places, c]);
  h = gather(grid.byFrame(), h);
  return reshape(linearLayer(w.at('proj_out'), h, c, { residual }), x.shape);
}

/**
 * BasicTransformerBlock with layer norms.
 *
 * @param x [T, D]
 * @returns [T, D]
 */
function transformerBlock(
  w: Weights,
  x: Tensor,
  { heads, sources, positions }: BlockOptions,
): Tensor {
  const D = Number(x.shape[1]);
  const options = { heads, scale: 1 / Math.sqrt(D / heads) };
  const places = positions && positionsOf(w, D, positions);
  const norm = (name: string) => {
    const parameters = { weight: w.get(`${name}.weight`, [D]), bias: w.get(`${name}.bias`, [D]) };
    return layerNorm(x, { epsilon: layerEpsilon, ...parameters });
  };
  sources.forEach(({ text, segments }, i) => {
    const at = w.at(`attn${i + 1}`);
    const normed = norm(`norm${i + 1}`);
    const { q, k, v } = projected(at, places ? add(normed, places) : normed, text);
    const attended = attention(q, k, v, segments, options); // [T, D]
    x = linearLayer(at.at('to_out.0'), attended, D, { residual: x });
  });
  const up = gatedUp(w.at('ff.net.0.proj'), norm('norm3'), 4 * D); // [T, 4D]
  return linearLayer(w.at('ff.net.2'), up, D, { residual: x }); // [T, D]
}

/** Queries of the tokens; keys and values of the text where there is one, else of the tokens too. */
function projected(w: Weights, h: Tensor, text: Tensor | undefined) {
  const D = Number(h.shape[1]);
  const bias = false;
  if (text) {
    const kv = fusedLinear(w, text, ['to_k', 'to_v'], D, { bias }); // [textTokens, 2D]
    const q = linearLayer(w.at('to_q'), h, D, { bias }); // [T, D]
    return { q, k: columns(kv, 0, D), v: columns(kv, D, D) };
  }
  const qkv = fusedLinear(w, h, ['to_q', 'to_k', 'to_v'], D, { bias }); // [T, 3D]
  return { q: columns(qkv, 0, D), k: columns(qkv, D, D), v: columns(qkv, 2 * D, D) };
}

/** GEGLU, whose layer holds the values' rows, then the gates': [T, D] -> [T, n] */
function gatedUp(w: Weights, x: Tensor, n: number): Tensor {
  const D = Number(x.shape[1]);
  const half = (name: string, start: number) => {
    const rows = [start, start + n] as const;
    const part = (kind: string, shape: readonly number[]) =>
      w.get(`${name}.${kind}`, [n, ...shape.slice(1)], {
        sources: [{ names: w.names(kind), shape, rows }],
      });
    return { weight: part('weight', [2 * n, D]), bias: part('bias', [2 * n]) };
  };
  const [value, gate] = [half('value', 0), half('gate', n)];
  return multiply(
    linear(x, value.weight, { bias: value.bias }),
    linear(x, gate.weight, { bias: gate.bias, activation: 'gelu_erf' }),
  );
}

/** Each token's row of the position table: [T, D]. */
function positionsOf(
  w: Weights,
  D: number,
  { count, index }: NonNullable<BlockOptions['positions']>,
): Tensor {
  const table = w.get('pos_embed.pe', [count, D], { storedShape: [1, count, D] });
  return embedding(index, table);
}
