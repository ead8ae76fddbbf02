import type { Call, Prediction } from '../denoise.js';
import { mustBe } from '../error.js';

/** Calls the model: one prediction per branch. */
export type Predict<Latents> = (call: Call<Latents>) => Promise<readonly Prediction<Latents>[]>;

/**
 * Stands between the denoise loop and the model and answers some calls from earlier ones. It belongs to one run and is no
 * part of its registers: a run that is resumed begins with an empty cache.
 */
export interface StepCache<Latents> {
  /** What the loop calls instead of the model. */
  readonly predict: Predict<Latents>;
  /** Whether the last call was answered from earlier ones. */
  readonly isReused: boolean;
  /** Latents that later calls read; whoever owns memory keeps them beside the registers. */
  held(): readonly Latents[];
}

/** See {@link firstBlockCache} and {@link taylorCache}. */
export type StepCacheOptions =
  | {
      readonly kind: 'first-block';
      /** Relative change of the first block's residual below which the rest is reused; 0 never reuses. */
      readonly threshold: number;
    }
  | {
      readonly kind: 'taylor';
      /** Every how many calls the model is run; 1 is every call. */
      readonly interval: number;
      /** Highest derivative of the forecast, 0 to 4. Default 1. */
      readonly order?: number;
      /** How many calls at the start always run the model. Default 3. */
      readonly warmup?: number;
    };

const names: Readonly<Record<StepCacheOptions['kind'], readonly string[]>> = {
  'first-block': ['kind', 'threshold'],
  taylor: ['kind', 'interval', 'order', 'warmup'],
};

/** @throws TubeletError BAD_INPUT naming the option */
export function checkStepCache(options: StepCacheOptions): void {
  const isObject = typeof options === 'object' && options !== null;
  if (!isObject || !Object.hasOwn(names, options.kind)) {
    const kinds = Object.keys(names).join(' or ');
    throw mustBe('cache', 'kind', kinds, isObject ? options.kind : String(options));
  }
  const unknown = Object.keys(options).find((name) => !names[options.kind].includes(name));
  if (unknown !== undefined) throw mustBe('cache', 'options', names[options.kind].join(), unknown);
  if (options.kind === 'first-block') {
    const { threshold } = options;
    if (!(Number.isFinite(threshold) && threshold >= 0)) {
      throw mustBe('cache', 'threshold', 'a number from 0', threshold);
    }
    return;
  }
  const { interval, order = 1, warmup = 3 } = options;
  requireWhole('interval', interval, 1, 1000);
  requireWhole('order', order, 0, 4);
  requireWhole('warmup', warmup, 1, 1000);
}

function requireWhole(what: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw mustBe('cache', what, `a whole number from ${least} to ${most}`, value);
}
