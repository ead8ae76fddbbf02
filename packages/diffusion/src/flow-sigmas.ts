import { mustBe } from './error.js';
import { shiftSigma, stretchToTerminal } from './sigmas.js';

/** How flow-matching sigmas are moved towards noise, as the options of a scheduler say. */
export interface FlowShift {
  readonly shift: number;
  readonly use_dynamic_shifting: boolean;
  readonly time_shift_type: 'exponential' | 'linear';
  readonly shift_terminal: number | null;
}

/**
 * Shifts falling sigmas: by the config's shift, or by `mu` where the config says the shift depends on the request; then
 * stretches them to the terminal sigma.
 */
export function shiftFlowSigmas(
  name: string,
  config: FlowShift,
  sigmas: readonly number[],
  mu: number | undefined,
): number[] {
  const shifted = config.use_dynamic_shifting
    ? sigmas.map((sigma) => dynamicShift(sigma, shiftOfMu(name, config, mu)))
    : sigmas.map((sigma) => shiftSigma(sigma, config.shift));
  if (!config.shift_terminal) return shifted;
  if (shifted[shifted.length - 1] === 1) {
    throw mustBe(name, 'the last sigma with shift_terminal', 'below 1 (2 steps or more)', 1);
  }
  return stretchToTerminal(shifted, config.shift_terminal);
}

function shiftOfMu(name: string, config: FlowShift, mu: number | undefined): number {
  if (mu === undefined || !Number.isFinite(mu)) {
    throw mustBe(name, 'mu', 'a number where use_dynamic_shifting is true', mu);
  }
  return config.time_shift_type === 'exponential' ? Math.exp(mu) : mu;
}

function dynamicShift(sigma: number, shift: number): number {
  return shift / (shift + (1 / sigma - 1));
}

/** The options from which a pipeline computes `mu`. */
export interface DynamicShift {
  readonly base_shift: number;
  readonly max_shift: number;
  readonly base_image_seq_len: number;
  readonly max_image_seq_len: number;
}

/** `mu` for a number of image tokens: on the line through (base length, base shift) and (max length, max shift). */
export function muForTokens(tokens: number, config: DynamicShift): number {
  const { base_shift, max_shift, base_image_seq_len, max_image_seq_len } = config;
  const slope = (max_shift - base_shift) / (max_image_seq_len - base_image_seq_len);
  return tokens * slope + (base_shift - slope * base_image_seq_len);
}
