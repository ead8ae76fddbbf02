import { mustBe } from './error.js';
import type { Assignment, Combination, Register } from './schedule.js';

/** One addend of a linear combination. */
export type Term<Latents> = readonly [latents: Latents, coefficient: number];

/**
 * What a schedule needs of whoever owns the latents. Latents are values: no function changes its arguments, and each
 * may answer a promise. Only `combine` and `noise` are needed by the deterministic and the stochastic samplers of
 * published video models; a schedule that needs an absent function is refused by that function's name.
 */
export interface Arithmetic<Latents> {
  /** Σ coefficient · latents, in this order. A single term of coefficient 1 is never asked for. */
  combine(terms: readonly Term<Latents>[]): Awaitable<Latents>;
  /** Standard normal noise of the sample's shape: the same number, the same noise. */
  noise?(index: number): Awaitable<Latents>;
  /** See the assignment `clamp`. */
  clamp?(latents: Latents, limit: number): Awaitable<Latents>;
  /** See the assignment `threshold`. */
  threshold?(latents: Latents, ratio: number, max: number): Awaitable<Latents>;
  /** See the assignment `learned-range`. */
  learnedRange?(
    noise: Latents,
    variance: Latents,
    logMin: number,
    logMax: number,
  ): Awaitable<Latents>;
  /** See the assignment `combine-tokens`. */
  combineTokens?(
    terms: readonly (readonly [Latents, coefficients: readonly number[]])[],
  ): Awaitable<Latents>;
  /** See the assignment `combine-channels`. */
  combineChannels?(
    terms: readonly Term<Latents>[],
    channels: number,
    rest: Latents,
  ): Awaitable<Latents>;
  /** See the assignment `match-deviation`. */
  matchDeviation?(latents: Latents, like: Latents, share: number): Awaitable<Latents>;
  /** Σ a · b over all elements; √dot(a, a) is the norm. */
  dot?(a: Latents, b: Latents): Awaitable<number>;
}

type Awaitable<Value> = Value | Promise<Value>;

/** The latents of one request by name: with the index of the next step, all the state a run has. */
export type Registers<Latents> = Map<Register, Latents>;

/** Carries out assignments in order. @throws TubeletError for an empty register or absent arithmetic. */
export async function execute<Latents>(
  assignments: readonly Assignment[],
  registers: Registers<Latents>,
  arithmetic: Arithmetic<Latents>,
): Promise<void> {
  for (const assignment of assignments) {
    registers.set(assignment.set, await evaluate(assignment, registers, arithmetic));
  }
}

/** The value of a combination; the register itself when that is all it is. */
export async function combine<Latents>(
  sum: Combination,
  registers: Registers<Latents>,
  arithmetic: Arithmetic<Latents>,
): Promise<Latents> {
  const terms = termsOf(sum, registers);
  const [[latents, coefficient]] = terms;
  return terms.length === 1 && coefficient === 1 ? latents : arithmetic.combine(terms);
}

async function evaluate<Latents>(
  assignment: Assignment,
  registers: Registers<Latents>,
  arithmetic: Arithmetic<Latents>,
): Promise<Latents> {
  const of = (register: Register) => read(registers, register);
  switch (assignment.kind) {
    case 'combine':
      return combine(assignment.sum, registers, arithmetic);
    case 'combine-tokens':
      return need(arithmetic, 'combineTokens')(termsOf(assignment.sum, registers));
    case 'combine-channels': {
      const terms = termsOf(assignment.sum, registers);
      return need(arithmetic, 'combineChannels')(terms, assignment.channels, of(assignment.rest));
    }
    case 'draw':
      return need(arithmetic, 'noise')(assignment.index);
    case 'clamp':
      return need(arithmetic, 'clamp')(of(assignment.of), assignment.limit);
    case 'threshold':
      return need(arithmetic, 'threshold')(of(assignment.of), assignment.ratio, assignment.max);
    case 'learned-range': {
      const { logMin, logMax } = assignment;
      return need(arithmetic, 'learnedRange')(of(assignment.of), of('variance'), logMin, logMax);
    }
    case 'match-deviation': {
      const { like, share } = assignment;
      return need(arithmetic, 'matchDeviation')(of(assignment.of), of(like), share);
    }
    case 'project': {
      const dot = need(arithmetic, 'dot');
      const onto = of(assignment.onto);
      const length = (await dot(onto, onto)) + assignment.epsilon;
      const scale = length > 0 ? (await dot(of(assignment.of), onto)) / length : 0;
      return arithmetic.combine([[onto, scale]]);
    }
    case 'limit-norm': {
      const latents = of(assignment.of);
      const norm = Math.sqrt(await need(arithmetic, 'dot')(latents, latents));
      return norm <= assignment.max
        ? latents
        : arithmetic.combine([[latents, assignment.max / norm]]);
    }
  }
}

function termsOf<Latents, Coefficient>(
  sum: Readonly<Record<Register, Coefficient>>,
  registers: Registers<Latents>,
): (readonly [Latents, Coefficient])[] {
  return Object.entries(sum).map(([register, coefficient]) => [
    read(registers, register),
    coefficient,
  ]);
}

function read<Latents>(registers: Registers<Latents>, register: Register): Latents {
  const latents = registers.get(register);
  if (latents === undefined) {
    throw mustBe('execute', `register '${register}'`, 'set before it is read', 'nothing');
  }
  return latents;
}

function need<Latents, Name extends keyof Arithmetic<Latents>>(
  arithmetic: Arithmetic<Latents>,
  name: Name,
): NonNullable<Arithmetic<Latents>[Name]> {
  const method = arithmetic[name];
  if (!method) {
    throw mustBe('execute', `arithmetic.${name}`, 'a function for this schedule', 'nothing');
  }
  return method.bind(arithmetic) as NonNullable<Arithmetic<Latents>[Name]>;
}
