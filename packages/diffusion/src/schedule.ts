/**
 * A schedule is data: everything a sampler does between two calls of the model, written as assignments to named
 * latents ("registers") whose coefficients are known before the first step. Whoever owns the tensors executes it with
 * one operation, the linear combination; a few nonlinear assignments complete the closed set below. A schedule is plain
 * JSON, and a run is resumed from its registers and the index of the next step alone.
 */

/**
 * The name of some latents.
 *
 * - `sample`: what is being denoised
 * - `prediction`: what the model answered, after guidance
 * - `variance`: the second half of the channels of a model with learned variance
 * - `noise`: what was drawn last
 *
 * Others hold a scheduler's history or a guidance's momentum, or belong to guidance (`conditional`, `unconditional`).
 */
export type Register = string;

/** A sum of registers, each times its coefficient, added in the order of the keys. */
export type Combination = Readonly<Record<Register, number>>;

/** One assignment to the register `set`; the others are read, and `set` may be among them. */
export type Assignment =
  /** set = Σ coefficient · register */
  | { readonly kind: 'combine'; readonly set: Register; readonly sum: Combination }
  /**
   * set = Σ coefficient · register, one coefficient per token
   */
  | {
      readonly kind: 'combine-tokens';
      readonly set: Register;
      readonly sum: Readonly<Record<Register, readonly number[]>>;
    }
  /** The first `channels` channels of `set` = Σ coefficient · register, its other channels those of `rest`. */
  | {
      readonly kind: 'combine-channels';
      readonly set: Register;
      readonly sum: Combination;
      readonly channels: number;
      readonly rest: Register;
    }
  /**
   * set = standard normal noise; `index` numbers the draws of the original code, so that a counter-based generator
   * needs no state. Draws that the original multiplies by 0 are left out and their numbers skipped.
   */
  | { readonly kind: 'draw'; readonly set: Register; readonly index: number }
  /** set = of, each element limited to [-limit, limit] */
  | {
      readonly kind: 'clamp';
      readonly set: Register;
      readonly of: Register;
      readonly limit: number;
    }
  /**
   * Dynamic thresholding (Imagen, section 2.3): s = the `ratio` quantile of |of| over one sample (linearly interpolated),
   * limited to [1, max]; set = clamp(of, -s, s) / s.
   */
  | {
      readonly kind: 'threshold';
      readonly set: Register;
      readonly of: Register;
      readonly ratio: number;
      readonly max: number;
    }
  /**
   * Learned range of variance (Improved DDPM, equation 15): f = (variance + 1) / 2;
   * set = of · exp((f · logMax + (1 - f) · logMin) / 2), element by element.
   */
  | {
      readonly kind: 'learned-range';
      readonly set: Register;
      readonly of: Register;
      readonly logMin: number;
      readonly logMax: number;
    }
  /** set = onto · ⟨of, onto⟩ / (⟨onto, onto⟩ + epsilon), 0 where onto is 0 */
  | {
      readonly kind: 'project';
      readonly set: Register;
      readonly of: Register;
      readonly onto: Register;
      readonly epsilon: number;
    }
  /** set = of · min(1, max / ‖of‖) */
  | {
      readonly kind: 'limit-norm';
      readonly set: Register;
      readonly of: Register;
      readonly max: number;
    }
  /**
   * set = of · (1 - share + share · std(like) / std(of)), the standard deviations over one sample: those of `like` where
   * `share` is 1.
   */
  | {
      readonly kind: 'match-deviation';
      readonly set: Register;
      readonly of: Register;
      readonly like: Register;
      readonly share: number;
    };

/** One call of the model and what surrounds it. */
export interface Step {
  /** What the model is told: model time in the scheduler's own unit, not the index of the loop. */
  readonly timestep: number;
  /** With per-token timesteps: what the model is told for each token instead. */
  readonly tokenTimesteps?: readonly number[];
  /** The scheduler's noise level at this call: see the scheduler. */
  readonly sigma: number;
  /** Done before the call: noise that is added first. */
  readonly before: readonly Assignment[];
  /** What the model is given. */
  readonly input: Combination;
  /** Done after the call, with the model's answer in `prediction`. */
  readonly after: readonly Assignment[];
  /** How a clean `sample` and `noise` are mixed to stand where this step begins (diffusers' add_noise, scale_noise). */
  readonly addNoise: Combination;
  /** What a model of v-prediction learns to answer for a clean `sample` and `noise` (diffusers' get_velocity). */
  readonly velocity?: Combination;
}

/** A sampler, ready to run. */
export interface Schedule {
  /** The scheduler's name. */
  readonly scheduler: string;
  /** Pure noise times this is the first `sample`. */
  readonly initialNoiseScale: number;
  /** The timestep of each call of the whole schedule, `begin` calls before `steps[0]` included. */
  readonly timesteps: readonly number[];
  /** The noise level of each call and, last, the one that remains. */
  readonly sigmas: readonly number[];
  /** How many calls were left out at the start. */
  readonly begin: number;
  /** The model answers twice the channels; the second half goes to the register `variance`. */
  readonly predictsVariance: boolean;
  readonly steps: readonly Step[];
}

/** What a schedule is made for. A scheduler refuses, by name, what it does not know. */
export interface ScheduleOptions {
  /** Number of steps. Give this, or `timesteps`, or `sigmas`. */
  readonly steps?: number;
  /** Explicit timesteps, falling. */
  readonly timesteps?: readonly number[];
  /** Explicit sigmas, falling; shifted as the config says. */
  readonly sigmas?: readonly number[];
  /**
   * Flow matching and multistep solvers: precision of sigmas and timesteps. diffusers' pipelines have single, which is seen
   * where a sigma is close to 1. Default double.
   */
  readonly precision?: 'single' | 'double';
  /** Dynamic shifting: the logarithm of the shift (exponential) or the shift itself (linear). */
  readonly mu?: number;
  /** The call to begin at, to denoise a sample that is only partly noise: `steps[0]` is that call. Default 0. */
  readonly begin?: number;
  /** DDIM: 0 is deterministic, 1 draws as much noise as DDPM. Default 0. */
  readonly eta?: number;
  /** DDIM: compute epsilon anew from the clipped sample. Default false. */
  readonly useClippedModelOutput?: boolean;
  /** Euler, EDM: noise added before each step whose sigma lies in range. */
  readonly churn?: Churn;
  /** Flow-match Euler: for every step the timestep of every token; the model's answer is the negated velocity. */
  readonly tokenTimesteps?: readonly (readonly number[])[];
  /** LCM: how many steps the model was distilled for. Default: the config's. */
  readonly originalInferenceSteps?: number;
  /** LCM: the part of the process that is run, in (0, 1]. Default 1. */
  readonly strength?: number;
}

/** Stochasticity of Karras et al. 2022, algorithm 2. */
export interface Churn {
  /** Amount over the whole run. */
  readonly amount: number;
  /** Noise is added where this ≤ sigma. Default 0. */
  readonly min?: number;
  /** Noise is added where sigma ≤ this. Default infinity. */
  readonly max?: number;
  /** Standard deviation of the added noise. Default 1. */
  readonly noise?: number;
}

/** A noise scheduler as diffusers has it: makes schedules from a config. */
export interface Scheduler {
  readonly name: string;
  /** @throws TubeletError for options it does not know and for combinations that divide by zero. */
  schedule(options: ScheduleOptions): Schedule;
}
