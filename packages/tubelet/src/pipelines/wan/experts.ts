import type { ModelCalls, SplitCalls } from '../model-calls.js';
import { requireMatching } from '../pipeline.js';
import type { Transformer } from '../transformer.js';
import type { WanTransformer } from './transformer.js';

/**
 * Wan 2.2's mixture of experts as one transformer: one for the timesteps from a boundary up, another for those below (diffusers
 * 0.42.1, `boundary_ratio`). Both are given the same.
 *
 * @throws TubeletError UNSUPPORTED where they cannot be
 */
export function twoExperts(
  boundary: number,
  high: WanTransformer,
  low: WanTransformer,
): WanTransformer {
  const [a, b] = [high.config, low.config];
  requireMatching([
    ['in_channels of transformer_2', a.inChannels, b.inChannels],
    ['out_channels of transformer_2', a.outChannels, b.outChannels],
    ['patch_size of transformer_2', a.patchSize.join(), b.patchSize.join()],
    ['attention_head_dim of transformer_2', a.headDim, b.headDim],
    ['rope_max_seq_len of transformer_2', a.ropeMaxSeqLen, b.ropeMaxSeqLen],
    ['text_dim of transformer_2', a.textDim, b.textDim],
    ['image_dim of transformer_2', a.imageDim, b.imageDim],
    ['pos_embed_seq_len of transformer_2', a.imagePositions, b.imagePositions],
  ]);
  return {
    config: a,
    weights: [...high.weights, ...low.weights],
    transformer: {
      ...byTimestep(boundary, high.transformer, low.transformer),
      // Those of a request are the first expert's, as `loras` of a model are.
      withLoras: (loras, work) =>
        high.transformer.withLoras(loras, (first) =>
          work(byTimestep(boundary, first, low.transformer)),
        ),
    },
  };
}

type Plans = Pick<Transformer, 'prepare' | 'split'>;

function byTimestep(boundary: number, high: Plans, low: Plans): Plans {
  /** The inputs are disposed of with the first expert. */
  const kept = { dispose() {} };
  return {
    async prepare(inputs): Promise<ModelCalls> {
      const experts = [await high.prepare(inputs), await low.prepare({ ...inputs, ...kept })];
      return {
        run: (latents, predictions, timestep, options) =>
          experts[timestep >= boundary ? 0 : 1]!.run(latents, predictions, timestep, options),
        dispose: () => disposeAll(experts),
      };
    },
    split() {
      const splits = [high.split(), low.split()] as const;
      if (!splits[0] || !splits[1]) return undefined;
      const [first, second] = splits;
      return (inputs): SplitCalls => {
        const experts = [first(inputs), second({ ...inputs, ...kept })] as const;
        let current = experts[0];
        return {
          first(latents, timestep, options) {
            current = experts[timestep >= boundary ? 0 : 1];
            return current.first(latents, timestep, options);
          },
          rest: (options) => current.rest(options),
          last: (predictions, isReused, options) => current.last(predictions, isReused, options),
          dispose: () => disposeAll(experts),
        };
      };
    },
  };
}

function disposeAll(experts: readonly { dispose(): void }[]): void {
  for (const expert of experts) expert.dispose();
}
