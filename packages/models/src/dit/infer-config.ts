import { TubeletError } from '@tubelet/graph';
import { type DitConfig, parseDitConfig } from './config.js';

type Shapes = ReadonlyMap<string, { readonly shape: readonly number[] }>;

/** Heads of the paper's four widths, which no tensor tells. */
const publishedHeads: Readonly<Record<number, number>> = { 384: 6, 768: 12, 1024: 16, 1152: 16 };

/**
 * The config of an original DiT from its state dict, for checkpoints that are published without one.
 *
 * @param given the arguments of the original's class that are known; they go before what the tensors tell
 * @throws BAD_WEIGHT where the tensors are not those of a DiT, BAD_CONFIG for a width that is none of the paper's without
 * `num_heads`
 */
export function inferDitConfig(
  tensors: Shapes,
  given: Readonly<Record<string, unknown>> = {},
): DitConfig {
  const shapeOf = (name: string, rank: number) => {
    const { shape } = tensors.get(name) ?? {};
    if (shape?.length === rank) return shape;
    const got = shape ? `[${shape.join(', ')}]` : 'none';
    const message = `${name} must be = a tensor of ${rank} axes of a DiT, got ${got}`;
    throw new TubeletError('BAD_WEIGHT', 'dit', message);
  };
  const [hiddenSize, inChannels, patchSize] = shapeOf('x_embedder.proj.weight', 4);
  const [, tokens] = shapeOf('pos_embed', 3);
  const [outputs] = shapeOf('final_layer.linear.weight', 2);
  const [ffnDim] = shapeOf('blocks.0.mlp.fc1.weight', 2);
  const [labels] = shapeOf('y_embedder.embedding_table.weight', 2);
  const nullRows = given.class_dropout_prob === 0 ? 0 : 1;
  let depth = 0;
  while (tensors.has(`blocks.${depth}.mlp.fc1.weight`)) depth++;
  const heads = given.num_heads ?? publishedHeads[hiddenSize];
  if (heads === undefined) {
    const widths = Object.keys(publishedHeads).join(', ');
    const message = `num_heads must be = given where the width is none of ${widths}, got none for ${hiddenSize}`;
    throw new TubeletError('BAD_CONFIG', 'dit', message);
  }
  return parseDitConfig({
    conditioning: conditioningOf(tensors, hiddenSize),
    input_size: Math.round(Math.sqrt(tokens)) * patchSize,
    patch_size: patchSize,
    in_channels: inChannels,
    hidden_size: hiddenSize,
    depth,
    num_heads: heads,
    mlp_ratio: ffnDim / hiddenSize,
    num_classes: labels - nullRows,
    learn_sigma: outputs === 2 * inChannels * patchSize ** 2,
    ...given,
  });
}

function conditioningOf(tensors: Shapes, hiddenSize: number): string {
  const modulation = tensors.get('blocks.0.adaLN_modulation.1.weight');
  if (modulation) return modulation.shape[0] === 6 * hiddenSize ? 'adaln-zero' : 'adaln';
  return tensors.has('blocks.0.cross_attn.q.weight') ? 'cross-attention' : 'in-context';
}
