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
  readonly weights: readonly Weights[];
  readonly transformer: Transformer;
}

/** @param name of its folder */
export async function loadTransformer(
  device: Device,
  folder: ModelFolder,
  name: 'transformer' | 'transformer_2',
  files: TransformerOptions,
  precision: Precision,
  math: LatentMath,
): Promise<WanTransformer> {
  const config = parseWanConfig(await folder.json(name, 'config.json'));
  const originals = wanOriginalNames(config);
  const checkpoint = wanCheckpoint(config);
  const weights = await openTransformerWeights(folder, files, checkpoint, originals, name);
  const options = { precision, originals };
  return {
    config,
    weights: [weights],
    transformer: transformerOn(device, math, wanTransformer(config), weights, options),
  };
}

/** What a branch of the guidance is given. */
interface WanCondition {
  /** [tokens, textDim] */
  readonly embeddings: Float32Array;
  /** [imageTokens, imageDim], of models that take image tokens. */
  readonly imageTokens?: Float32Array;
}

/**
 * Prepares the inputs of a request.
 *
 * @param holdsFirst whether the first latent frame is clean: its timestep is 0
 */
export function prepareWan(
  device: Device,
  config: WanConfig,
  size: LatentSize,
  branches: readonly WanCondition[],
  holdsFirst: boolean,
): Promise<PreparedInputs> {
  const { textDim, imageDim } = config;
  // The first frame's row is the second.
  const rowOf = Array.from({ length: size.frames }, (_, i) => (i === 0 ? 1 : 0));
  const clips = branches.map(({ embeddings, imageTokens }) => ({
    ...size,
    textTokens: embeddings.length / textDim,
    ...(imageDim !== null && imageTokens && { imageTokens: imageTokens.length / imageDim }),
    ...(holdsFirst && { rows: 2, rowOf }),
  }));
  const { sizes, inputs } = packWan(config, clips);
  const image = imageDim !== null && { image: joined(branches.map((each) => each.imageTokens!)) };
  const text = joined(branches.map(({ embeddings }) => embeddings));
  const packed = { sizes: { ...sizes }, inputs: { ...inputs, ...image, text } };
  return prepareInputs(device, packed, (timestep) =>
    branches.flatMap(() => (holdsFirst ? [timestep, 0] : [timestep])),
  );
}
