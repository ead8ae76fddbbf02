import {
  packWan,
  parseWanConfig,
  type WanConfig,
  wanCheckpoint,
  wanOriginalNames,
  wanTransformer,
} from '@tubelet/models';
import { type Device, growingPlan, type Precision, type Weights } from '@tubelet/runtime';
import type { LatentMath } from '../latents.js';
import {
  joined,
  type LatentSize,
  type ModelCalls,
  prepareCalls,
  prepareInputs,
  type SplitCalls,
} from '../model-calls.js';
import type { ModelFolder } from '../model-folder.js';
import { openTransformerWeights, type TransformerOptions } from '../transformer-weights.js';
import { splitTransformer } from './split-transformer.js';

export interface WanTransformer {
  readonly config: WanConfig;
  readonly weights: Weights;
  /**
   * Prepares the calls of a request.
   *
   * @param texts embeddings of each branch
   * @param holdsFirst whether the first latent frame is clean: its timestep is 0
   */
  prepare(
    size: LatentSize,
    texts: readonly Float32Array[],
    holdsFirst: boolean,
  ): Promise<ModelCalls>;
  /** The same in three parts; undefined where the model has one block only. */
  readonly prepareSplit?: (
    size: LatentSize,
    texts: readonly Float32Array[],
    holdsFirst: boolean,
  ) => Promise<SplitCalls>;
}

export async function loadTransformer(
  device: Device,
  folder: ModelFolder,
  files: TransformerOptions,
  precision: Precision,
  math: LatentMath,
): Promise<WanTransformer> {
  const config = parseWanConfig(await folder.json('transformer', 'config.json'));
  const weights = await openTransformerWeights(
    folder,
    files,
    wanCheckpoint(config),
    wanOriginalNames(config),
  );
  /** Weights are packed once, smaller runs take the plan of the largest so far. */
  const plan = growingPlan(device, wanTransformer(config), weights, { precision });

  const split = splitTransformer(device, config, weights, precision, math);

  const prepared = (size: LatentSize, texts: readonly Float32Array[], holdsFirst: boolean) => {
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
  };

  return {
    config,
    weights,
    prepare: async (...request) => prepareCalls(plan, await prepared(...request)),
    ...(config.layers > 1 && {
      prepareSplit: async (...request: Parameters<typeof prepared>) =>
        split(await prepared(...request)),
    }),
  };
}
