import { makeSchedule, type ScheduleDraft } from './make-schedule.js';
import { type Mixture, mixtureOf } from './prediction.js';
import type { Assignment, Schedule } from './schedule.js';
import { range } from './spacing.js';

interface VariancePreservingDraft
  extends Pick<ScheduleDraft, 'scheduler' | 'timesteps' | 'predictsVariance'> {
  readonly begin: number;
  /** The table's share of the signal in the variance, by timestep. */
  readonly alphasCumprod: readonly number[];
  /** The same where the run ends; 1 is data. */
  readonly last: number;
  /** What call `i` does with the model's answer. */
  advance(i: number, mixture: Mixture): readonly Assignment[];
}

/**
 * The schedule of DDPM and its kin: at each timestep the sample is √alphasCumprod · data + √(1 - alphasCumprod) · noise.
 * `sigma` is that weight of the noise.
 */
export function variancePreservingSchedule(draft: VariancePreservingDraft): Schedule {
  const { timesteps, begin, alphasCumprod, last, advance, ...rest } = draft;
  const mixtures = timesteps.map((timestep) => mixtureOf(alphasCumprod[timestep]));
  return makeSchedule({
    ...rest,
    timesteps,
    sigmas: [...mixtures, mixtureOf(last)].map(({ sigma }) => sigma),
    begin,
    steps: range(begin, timesteps.length).map((i) => {
      const { alpha, sigma } = mixtures[i];
      return {
        timestep: timesteps[i],
        sigma,
        after: advance(i, mixtures[i]),
        addNoise: { sample: alpha, noise: sigma },
        velocity: { sample: -sigma, noise: alpha },
      };
    }),
  });
}
