import {
  packWan,
  parseWanConfig,
  type WanConfig,
  type WanPacking,
  wanCheckpoint,
  wanTransformer,
} from '@tubelet/models';
import {
  type Buffer,
  type Device,
  growingPlan,
  openWeights,
  type Precision,
  type RunOptions,
  upload,
  type Weights,
} from '@tubelet/runtime';
import type { LatentMath } from '../latents.js';
import { type ModelFolder, requireCheckpoint } from '../model-folder.js';
import { requireSplittable, splitTransformer, type WanSplitCalls } from './split-transformer.js';

/** Latents of a clip: [channels, frames, height, width]. */
export interface LatentSize {
  readonly frames: number;
  readonly height: number;
  readonly width: number;
}

/** One request's model calls: everything that stays the same from step to step is on the device already. */
export interface WanCalls {
  /**
   * Predicts for every branch in one run, each a segment of it.
   *
   * @param latents the branches' latents one after another
   * @param predictions receives the branches' predictions one after another
   * @param timesteps of each row of `rowOf`
   */
  run(
    latents: Buffer,
    predictions: Buffer,
    timesteps: readonly number[],
    options?: RunOptions,
  ): Promise<void>;
  dispose(): void;
}

export interface WanTransformer {
  readonly config: WanConfig;
  readonly weights: Weights;
  /**
   * Prepares the calls of a request.
   *
   * @param texts embeddings of each branch
   * @param rowOf which timestep each latent frame has; all the first where absent
   */
  prepare(
    size: LatentSize,
    texts: readonly Float32Array[],
    rowOf?: readonly number[],
  ): Promise<WanCalls>;
  /** The same in three parts. @throws TubeletError UNSUPPORTED where the model has one block only */
  prepareSplit(
    size: LatentSize,
    texts: readonly Float32Array[],
    rowOf?: readonly number[],
  ): Promise<WanSplitCalls>;
}

export async function loadTransformer(
  device: Device,
  folder: ModelFolder,
  precision: Precision,
  math: LatentMath,
): Promise<WanTransformer> {
  const [config, weights] = await Promise.all([
    folder.json('transformer', 'config.json').then(parseWanConfig),
    openWeights(folder.path('transformer')),
  ]);
  requireCheckpoint(wanCheckpoint(config), weights);
  /** Weights are packed once, smaller runs take the plan of the largest so far. */
  const plan = growingPlan(device, wanTransformer(config), weights, { precision });

  const split = splitTransformer(device, config, weights, precision, math);

  return {
    config,
    weights,
    async prepare(size, texts, rowOf) {
      const { inputs, sizes, setTimesteps, dispose } = await prepareInputs(
        device,
        config,
        size,
        texts,
        rowOf,
      );
      await plan.reserve(sizes);
      return {
        async run(latents, predictions, timesteps, options) {
          const written = setTimesteps(timesteps);
          const ran = plan.run(
            { inputs: { ...inputs, latents }, outputs: { prediction: predictions } },
            sizes,
            options,
          );
          await Promise.all([written, ran]);
        },
        dispose,
      };
    },
    async prepareSplit(size, texts, rowOf) {
      requireSplittable(config);
      return split(await prepareInputs(device, config, size, texts, rowOf));
    },
  };
}

/** What stays the same from call to call, on the device. */
export interface PreparedInputs {
  readonly inputs: Readonly<Record<string, Buffer>>;
  readonly sizes: WanPacking['sizes'];
  /** @param timesteps of each row of `rowOf` */
  setTimesteps(timesteps: readonly number[]): Promise<void>;
  dispose(): void;
}

async function prepareInputs(
  device: Device,
  config: WanConfig,
  size: LatentSize,
  texts: readonly Float32Array[],
  rowOf: readonly number[] = [0],
): Promise<PreparedInputs> {
  const { textDim } = config;
  const rows = Math.max(...rowOf) + 1;
  const clips = texts.map((text) => ({ ...size, textTokens: text.length / textDim, rows, rowOf }));
  const packed = packWan(config, clips);
  const text = new Float32Array(packed.sizes.textTokens * textDim);
  texts.forEach((embeddings, i) => {
    text.set(embeddings, packed.offsets[i]!.text * textDim);
  });
  const timestep = device.allocate(packed.sizes.rows * 4);
  const inputs: Record<string, Buffer> = { timestep };
  for (const [name, data] of Object.entries({ ...packed.inputs, text }))
    inputs[name] = await upload(device, data);
  return {
    inputs,
    sizes: packed.sizes,
    setTimesteps: (timesteps) => timestep.write(Float32Array.from(texts.flatMap(() => timesteps))),
    dispose() {
      for (const buffer of Object.values(inputs)) buffer.dispose();
    },
  };
}
