import {
  packWan,
  parseWanConfig,
  type WanConfig,
  wanCheckpoint,
  wanOriginalNames,
  wanTransformer,
} from '@tubelet/models';
import type { Device, Precision, Weights } from '@tubelet/runtime';
import type { LatentMath } from '../latents.js';
import { joined, type LatentSize, type PreparedInputs, prepareInputs } from '../model-calls.js';
import type { ModelFolder } from '../model-folder.js';
import { type Transformer, transformerOn } from '../transformer.js';
import { openTransformerWeights, type TransformerOptions } from '../transformer-weights.js';

export interface WanTransformer {
  readonly config: WanConfig;
  readonly weights: Weights;
  readonly transformer: Transformer;
  /**
   * Prepares the inputs of a request.
   *
   * @param texts embeddings of each branch
   * @param holdsFirst whether the first latent frame is clean: its timestep is 0
   */
  prepare(
    size: LatentSize,
    texts: readonly Float32Array[],
    holdsFirst: boolean,
  ): Promise<PreparedInputs>;
}

export async function loadTransformer(
  device: Device,
  folder: ModelFolder,
  files: TransformerOptions,
  precision: Precision,
  math: LatentMath,
): Promise<WanTransformer> {
  const config = parseWanConfig(await folder.json('transformer', 'config.json'));
  const originals = wanOriginalNames(config);
  const weights = await openTransformerWeights(folder, files, wanCheckpoint(config), originals);
  return {
    config,
    weights,
    transformer: transformerOn(device, math, wanTransformer(config), weights, {
      precision,
      originals,
    }),
    prepare(size, texts, holdsFirst) {
      // The first frame's row is the second.
      const rowOf = Array.from({ length: size.frames }, (_, i) => (i === 0 ? 1 : 0));
      const clips = texts.map((text) => ({
        ...size,
        textTokens: text.length / config.textDim,
        ...(holdsFirst && { rows: 2, rowOf }),
      }));
      const { sizes, inputs } = packWan(config, clips);
      const packed = { sizes: { ...sizes }, inputs: { ...inputs, text: joined(texts) } };
      return prepareInputs(device, packed, (timestep) =>
        texts.flatMap(() => (holdsFirst ? [timestep, 0] : [timestep])),
      );
    },
  };
}
