import { type GraphBuilder, gather, type Tensor } from '@tubelet/graph';
import type { Weights } from '../weights.js';
import { doubleBlock, type FluxBlockConfig, type FluxCondition, singleBlock } from './block.js';

/** What of a condition is an input, and i32 [T], each image token's place in the joint order. */
export interface FluxInputs extends Omit<FluxCondition, 'c' | 'row' | 'textRow'> {
  readonly imageIndex: Tensor;
}

/** The inputs that order tokens: `packFlux` and `packHunyuan` make them. */
export function fluxInputs(g: GraphBuilder, { headDim }: FluxBlockConfig): FluxInputs {
  const [joint, segments] = [g.symbol('joint'), g.symbol('segments')];
  const table = (name: string) => g.input(name, [segments, 4], 'i32');
  const imageIndex = g.input('imageIndex', [g.symbol('tokens')], 'i32');
  const [cos, sin] = [g.input('cos', [joint, headDim / 2]), g.input('sin', [joint, headDim / 2])];
  return {
    imageIndex,
    jointRow: g.input('jointRow', [joint], 'i32'),
    joint: {
      index: g.input('jointIndex', [joint], 'i32'),
      imageSegments: table('imageSegments'),
      textSegments: table('textSegments'),
    },
    jointSegments: table('jointSegments'),
    imageTurn: { cos: gather(imageIndex, cos), sin: gather(imageIndex, sin) }, // [T, headDim / 2]
    jointTurn: { cos, sin },
  };
}

/**
 * Double blocks, then single ones over image and text as one sequence.
 *
 * @returns the image tokens, [T, D]
 */
export function fluxBlocks(
  w: Weights,
  embedded: { readonly image: Tensor; readonly text: Tensor },
  condition: FluxCondition & FluxInputs,
  config: FluxBlockConfig & { readonly doubleLayers: number; readonly singleLayers: number },
): Tensor {
  const { g } = w;
  let streams = embedded;
  g.cut('embedded', streams.image);
  for (let layer = 0; layer < config.doubleLayers; layer++) {
    streams = w.within(`transformer_blocks.${layer}`, (w) =>
      doubleBlock(w, streams, condition, config),
    );
    if (layer === 0) g.cut('first', streams.image);
  }
  let x = gather(condition.joint.index, streams.image, streams.text); // [joint, D]
  for (let layer = 0; layer < config.singleLayers; layer++) {
    x = w.within(`single_transformer_blocks.${layer}`, (w) => singleBlock(w, x, condition, config));
    if (layer === 0 && config.doubleLayers === 0) g.cut('first', x, condition.imageIndex);
  }
  const image = gather(condition.imageIndex, x); // [T, D]
  g.cut('last', image);
  return image;
}
