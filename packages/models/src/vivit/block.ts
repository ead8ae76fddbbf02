import { attention, columns, concatColumns, gather, linear, type Tensor } from '@tubelet/graph';
import { type VitBlockConfig, vitAttention, vitFeedForward, vitNorm } from '../vit/block.js';
import { linearLayer, type Weights } from '../weights.js';

/** Tokens in two orders: frame by frame, and place by place. */
export interface VivitAxes {
  /** i32 [frames, 4], the tokens of each frame. */
  readonly frameSegments: Tensor;
  /** i32 [places, 4], the tokens of each place, in the order of places. */
  readonly placeSegments: Tensor;
  /** i32 [T], from the order of frames to that of places. */
  readonly toPlaces: Tensor;
  /** i32 [T], and back. */
  readonly toFrames: Tensor;
}

/**
 * A layer of model 3: attention over space, over time, feed-forward; each with its norm and its residual.
 *
 * @param x [T, D]
 * @returns [T, D]
 */
export function factorizedBlock(
  w: Weights,
  x: Tensor,
  { frameSegments, placeSegments, toPlaces, toFrames }: VivitAxes,
  order: 'time-space' | 'space-time',
  config: VitBlockConfig,
): Tensor {
  const overSpace = (x: Tensor) => {
    const h = vitNorm(w.at('layernorm_space'), x, config);
    return vitAttention(w.at('attention_space'), h, frameSegments, config, x);
  };
  const overTime = (x: Tensor) => {
    const places = gather(toPlaces, x);
    const h = vitNorm(w.at('layernorm_time'), places, config);
    return gather(toFrames, vitAttention(w.at('attention_time'), h, placeSegments, config, places));
  };
  x = order === 'time-space' ? overSpace(overTime(x)) : overTime(overSpace(x));
  return vitFeedForward(w, x, config);
}

/**
 * A layer of model 4: the first half of the heads attends over time, the second over space.
 *
 * @param x [T, D]
 * @returns [T, D]
 */
export function splitHeadsBlock(
  w: Weights,
  x: Tensor,
  { frameSegments, placeSegments, toPlaces, toFrames }: VivitAxes,
  config: VitBlockConfig,
): Tensor {
  const { hiddenSize: D, heads } = config;
  const half = D / 2;
  const attend = (h: Tensor, part: 0 | 1, segments: Tensor) => {
    const qkv = partOfHeads(w.at('attention.attention'), h, part, config); // [T, 3D/2]
    const [q, k, v] = [columns(qkv, 0, half), columns(qkv, half, half), columns(qkv, D, half)];
    const options = { heads: heads / 2, scale: 1 / Math.sqrt(D / heads) };
    return attention(q, k, v, segments, options); // [T, D/2]
  };
  const h = vitNorm(w.at('layernorm_before'), x, config);
  const overTime = gather(toFrames, attend(gather(toPlaces, h), 0, placeSegments));
  const a = concatColumns(overTime, attend(h, 1, frameSegments)); // [T, D]
  return vitFeedForward(
    w,
    linearLayer(w.at('attention.output.dense'), a, D, { residual: x }),
    config,
  );
}

/** Queries, keys and values of the first or the second half of the heads: [T, 3D/2]. */
function partOfHeads(
  w: Weights,
  h: Tensor,
  part: 0 | 1,
  { hiddenSize: D, qkvBias }: VitBlockConfig,
): Tensor {
  const rows = [(part * D) / 2, ((part + 1) * D) / 2] as const;
  const fused = (kind: string, shape: readonly number[]) =>
    w.get(`qkv${part}.${kind}`, [(3 * D) / 2, ...shape.slice(1)], {
      sources: ['query', 'key', 'value'].map((name) => ({
        names: w.names(`${name}.${kind}`),
        shape,
        rows,
      })),
    });
  return linear(h, fused('weight', [D, D]), { bias: qkvBias ? fused('bias', [D]) : undefined });
}
