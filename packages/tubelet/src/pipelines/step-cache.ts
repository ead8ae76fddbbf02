import {
  type Arithmetic,
  type Call,
  firstBlockCache,
  type Prediction,
  type StepCache,
  type StepCacheOptions,
  taylorCache,
} from '@tubelet/diffusion';
import type { Buffer, RunOptions } from '@tubelet/runtime';
import { TubeletError } from '../errors.js';
import type { ModelCalls, SplitCalls } from './model-calls.js';
import type { Transformer } from './transformer.js';

/** The model of one request; what is opened is disposed of by {@link openModel}'s answer. */
export interface PreparedModel {
  whole(): Promise<ModelCalls>;
  /** @throws TubeletError UNSUPPORTED of a model that has no parts */
  split(): Promise<SplitCalls>;
}

/** What the model is called with, and where its answers go. */
export interface ModelEnds {
  /** The latents of a call's branches one after another. */
  input(call: Call<Buffer>): Promise<{ readonly latents: Buffer; readonly timestep: number }>;
  /** Room for the predictions of a call's branches one after another, once filled. */
  output(
    call: Call<Buffer>,
    fill: (predictions: Buffer) => Promise<void>,
  ): Promise<readonly Prediction<Buffer>[]>;
}

/** The model of one request, behind the step cache that was asked for; without one every call runs all of it. */
export async function openModel(
  prepared: PreparedModel,
  { input, output }: ModelEnds,
  arithmetic: Arithmetic<Buffer>,
  cache: StepCacheOptions | undefined,
  options: RunOptions,
): Promise<StepCache<Buffer> & { dispose(): void }> {
  if (cache?.kind === 'first-block') {
    const calls = await prepared.split();
    const model = firstBlockCache<Buffer>(cache, {
      async first(call) {
        const { latents, timestep } = await input(call);
        return calls.first(latents, timestep, options);
      },
      rest: () => calls.rest(options),
      last: (call, isReused) => output(call, (into) => calls.last(into, isReused, options)),
    });
    return withDispose(model, calls);
  }
  const calls = await prepared.whole();
  const predict = async (call: Call<Buffer>) => {
    const { latents, timestep } = await input(call);
    return output(call, (into) => calls.run(latents, into, timestep, options));
  };
  const model = cache
    ? taylorCache(cache, arithmetic, predict)
    : { predict, isReused: false, held: () => [] };
  return withDispose(model, calls);
}

/** A transformer in three parts. @throws TubeletError UNSUPPORTED where it has none */
export function splitOf(
  transformer: Pick<Transformer, 'split'>,
): NonNullable<ReturnType<Transformer['split']>> {
  const split = transformer.split();
  if (split) return split;
  const message = 'kind must be = taylor for this model, got first-block';
  throw new TubeletError('UNSUPPORTED', 'cache', message);
}

function withDispose(model: StepCache<Buffer>, calls: { dispose(): void }) {
  return {
    predict: model.predict,
    get isReused() {
      return model.isReused;
    },
    held: model.held,
    dispose: calls.dispose,
  };
}
