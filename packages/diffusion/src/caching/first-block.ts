import type { Call, Prediction } from '../denoise.js';
import { checkStepCache, type StepCache, type StepCacheOptions } from './step-cache.js';

/** A model in three parts. What it remembers is its own. */
export interface SplitModel<Latents> {
  /**
   * Embeds the call and runs the first block.
   *
   * @returns mean |residual - remembered| / mean |remembered|, the residual being what the block added over all branches;
   * undefined where nothing is remembered
   */
  first(call: Call<Latents>): Promise<number | undefined>;
  /** Runs the other blocks; remembers what they added, and the first block's residual. */
  rest(call: Call<Latents>): Promise<void>;
  /** The predictions: of what `rest` has just answered or, reused, of what the first block gave plus what `rest` remembers. */
  last(call: Call<Latents>, isReused: boolean): Promise<readonly Prediction<Latents>[]>;
}

/**
 * First-block cache (ParaAttention; diffusers' FirstBlockCacheConfig): while what the first block adds is nearly what it
 * added when the whole model last ran, the other blocks are taken to add what they added then. All branches of a call are
 * judged together. Threshold 0 gives the bytes of the whole model.
 *
 * @throws TubeletError BAD_INPUT
 */
export function firstBlockCache<Latents>(
  options: Extract<StepCacheOptions, { kind: 'first-block' }>,
  model: SplitModel<Latents>,
): StepCache<Latents> {
  checkStepCache(options);
  const { threshold } = options;
  let isReused = false;
  let branches: string | undefined;
  return {
    async predict(call) {
      const asked = call.branches.join();
      const change = await model.first(call);
      isReused = asked === branches && change !== undefined && change < threshold;
      if (!isReused) {
        await model.rest(call);
        branches = asked;
      }
      return model.last(call, isReused);
    },
    get isReused() {
      return isReused;
    },
    held: () => [],
  };
}
