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
import type { LatentSize, WanTransformer } from './transformer.js';

/** What the model is called with, and where its answers go. */
export interface ModelCalls {
  /** The latents of a call's branches one after another, and the timesteps of each. */
  input(
    call: Call<Buffer>,
  ): Promise<{ readonly latents: Buffer; readonly timesteps: readonly number[] }>;
  /** Room for the predictions of a call's branches one after another, once filled. */
  output(
    call: Call<Buffer>,
    fill: (predictions: Buffer) => Promise<void>,
  ): Promise<readonly Prediction<Buffer>[]>;
}

/** The model of one request, behind the step cache that was asked for; without one every call runs all of it. */
export async function openModel(
  transformer: WanTransformer,
  request: {
    readonly size: LatentSize;
    readonly texts: readonly Float32Array[];
    readonly rowOf?: readonly number[];
  },
  { input, output }: ModelCalls,
  arithmetic: Arithmetic<Buffer>,
  cache: StepCacheOptions | undefined,
  options: RunOptions,
): Promise<StepCache<Buffer> & { dispose(): void }> {
  const { size, texts, rowOf } = request;
  if (cache?.kind === 'first-block') {
    const calls = await transformer.prepareSplit(size, texts, rowOf);
    const model = firstBlockCache<Buffer>(cache, {
      async first(call) {
        const { latents, timesteps } = await input(call);
        return calls.first(latents, timesteps, options);
      },
      rest: () => calls.rest(options),
      last: (call, isReused) => output(call, (into) => calls.last(into, isReused, options)),
    });
    return withDispose(model, calls);
  }
  const calls = await transformer.prepare(size, texts, rowOf);
  const predict = async (call: Call<Buffer>) => {
    const { latents, timesteps } = await input(call);
    return output(call, (into) => calls.run(latents, into, timesteps, options));
  };
  const model = cache
    ? taylorCache(cache, arithmetic, predict)
    : { predict, isReused: false, held: () => [] };
  return withDispose(model, calls);
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
