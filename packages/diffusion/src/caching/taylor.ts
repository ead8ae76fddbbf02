import type { Call, Prediction } from '../denoise.js';
import type { Arithmetic } from '../execute.js';
import {
  checkStepCache,
  type Predict,
  type StepCache,
  type StepCacheOptions,
} from './step-cache.js';

/** A value and its derivatives by the call's index, by backward differences. */
type Derivatives<Latents> = readonly Latents[];

/** What is known of one branch. */
interface Course<Latents> {
  readonly prediction: Derivatives<Latents>;
  readonly variance?: Derivatives<Latents>;
}

/**
 * Forecasts predictions from earlier ones (TaylorSeer, Liu et al. 2025, applied to the model's answer instead of each
 * layer's, as diffusers' TaylorSeerCacheConfig does in its lite mode): after `warmup` calls the model is run every
 * `interval` calls, and in between each branch's prediction follows its Taylor polynomial in the call's index. Interval 1
 * gives the bytes of no cache.
 *
 * @throws TubeletError BAD_INPUT
 */
export function taylorCache<Latents>(
  options: Extract<StepCacheOptions, { kind: 'taylor' }>,
  { combine }: Pick<Arithmetic<Latents>, 'combine'>,
  predict: Predict<Latents>,
): StepCache<Latents> {
  checkStepCache(options);
  const { interval, order = 1, warmup = 3 } = options;
  const courses = new Map<string, Course<Latents>>();
  let computed = 0;
  let last = 0;
  let isReused = false;

  const derive = async (value: Latents, old: Derivatives<Latents> = [], distance: number) => {
    const derivatives = [value];
    for (let k = 0; k < Math.min(order, old.length); k++) {
      const difference = [
        [derivatives[k], 1 / distance],
        [old[k], -1 / distance],
      ] as const;
      derivatives.push(await combine(difference));
    }
    return derivatives;
  };
  const forecast = async (derivatives: Derivatives<Latents>, distance: number) => {
    let coefficient = 1;
    const terms = derivatives.map((derivative, k) => {
      coefficient *= k === 0 ? 1 : distance / k;
      return [derivative, coefficient] as const;
    });
    return terms.length === 1 ? derivatives[0] : combine(terms);
  };
  const compute = async (call: Call<Latents>) => {
    const answers = await predict(call);
    const distance = call.index - last;
    const known = new Map(courses);
    courses.clear();
    for (const [i, { prediction, variance }] of answers.entries()) {
      const branch = call.branches[i];
      const old = known.get(branch);
      courses.set(branch, {
        prediction: await derive(prediction, old?.prediction, distance),
        ...(variance === undefined
          ? {}
          : { variance: await derive(variance, old?.variance, distance) }),
      });
    }
    computed += 1;
    last = call.index;
    return answers;
  };
  const reuse = ({ branches, index }: Call<Latents>): Promise<Prediction<Latents>[]> =>
    Promise.all(
      branches.map(async (branch) => {
        const { prediction, variance } = courses.get(branch)!;
        const distance = index - last;
        const forecasted = { prediction: await forecast(prediction, distance) };
        return variance === undefined
          ? forecasted
          : { ...forecasted, variance: await forecast(variance, distance) };
      }),
    );

  return {
    predict(call) {
      isReused =
        computed >= warmup &&
        call.index - last < interval &&
        call.branches.every((branch) => courses.has(branch));
      return isReused ? reuse(call) : compute(call);
    },
    get isReused() {
      return isReused;
    },
    held: () =>
      [...courses.values()].flatMap(({ prediction, variance = [] }) => [
        ...prediction,
        ...variance,
      ]),
  };
}
