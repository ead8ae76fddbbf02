import {
  add,
  concatColumns,
  embedding,
  reshape,
  type Tensor,
  timestepEmbedding,
} from '@tubelet/graph';
import { linearLayer, type Weights } from '../weights.js';
import type { UnetClasses, UnetConfig } from './config.js';

/** The text as cross-attention reads it: [textTokens, crossWidth]. */
export function embedText(
  w: Weights,
  { crossWidth, textWidth }: UnetConfig,
  textTokens: readonly number[],
): Tensor {
  const tokens = textTokens.reduce((sum, count) => sum + count, 0);
  const text = w.g.input('text', [tokens, textWidth ?? crossWidth]);
  return textWidth === null ? text : linearLayer(w.at('encoder_hid_proj'), text, crossWidth);
}

/** The time embedding with all that is added to it, before SiLU: [clips, timeWidth]. */
export function embedTime(
  w: Weights,
  config: UnetConfig,
  clips: number,
  sizeCount: number,
): Tensor {
  const { timeWidth, timeConditionWidth, classes, sizeConditions } = config;
  const dim = config.down[0].width;
  let x = features(config, w.g.input('timestep', [clips]), dim); // [clips, dim]
  if (timeConditionWidth !== null) {
    const condition = w.g.input('timeCondition', [clips, timeConditionWidth]);
    const options = { bias: false, residual: x };
    x = linearLayer(w.at('time_embedding.cond_proj'), condition, dim, options);
  }
  let embedded = embed(w.at('time_embedding'), x, timeWidth); // [clips, timeWidth]
  if (classes) embedded = add(embedded, embedClass(w, config, classes, clips));
  if (!sizeConditions) return embedded;
  const sizes = reshape(w.g.input('sizes', [clips, sizeCount]), [clips * sizeCount]);
  const all = sizeCount * sizeConditions.features;
  const pooled = w.g.input('pooled', [clips, sizeConditions.width - all]);
  const ofSizes = reshape(features(config, sizes, sizeConditions.features), [clips, all]);
  const both = concatColumns(pooled, ofSizes); // [clips, sizeConditions.width]
  return add(embedded, embed(w.at('add_embedding'), both, timeWidth));
}

/** [R] -> [R, dim] */
function features({ flipSinToCos, freqShift }: UnetConfig, timestep: Tensor, dim: number): Tensor {
  return timestepEmbedding(timestep, { dim, flipSinToCos, downscaleFreqShift: freqShift });
}

/** TimestepEmbedding: [R, K] -> [R, n] */
function embed(w: Weights, x: Tensor, n: number): Tensor {
  return linearLayer(
    w.at('linear_2'),
    linearLayer(w.at('linear_1'), x, n, { activation: 'silu' }),
    n,
  );
}

/** [clips, timeWidth] */
function embedClass(w: Weights, config: UnetConfig, classes: UnetClasses, clips: number): Tensor {
  const { timeWidth } = config;
  const at = w.at('class_embedding');
  const label = (...width: readonly number[]) => w.g.input('label', [clips, ...width]);
  switch (classes.kind) {
    case 'table': {
      const table = at.get('weight', [classes.count, timeWidth]);
      return embedding(w.g.input('label', [clips], 'i32'), table);
    }
    case 'timestep':
      return embed(at, features(config, label(), config.down[0].width), timeWidth);
    case 'identity':
      return label(timeWidth);
    case 'projection':
      return embed(at, label(classes.width), timeWidth);
    case 'simple_projection':
      return linearLayer(at, label(classes.width), timeWidth);
  }
}
