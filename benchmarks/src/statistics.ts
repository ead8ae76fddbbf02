/** The middle value, or the mean of the two in the middle; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** |a - b| by |b|, Euclidean norms; infinite where lengths differ or a value is not finite. */
export function relativeDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let difference = 0;
  let size = 0;
  for (let i = 0; i < a.length; i++) {
    difference += (a[i] - b[i]) ** 2;
    size += b[i] ** 2;
  }
  const relative = Math.sqrt(difference / size);
  return Number.isNaN(relative) ? Number.POSITIVE_INFINITY : relative;
}

/** One contestant's part of a round. */
export interface Turn {
  /** Of one run. */
  readonly milliseconds: number;
  /** Processor time that this process had, by the time of the clock on all its threads: 0 to about 1. */
  readonly share: number;
}

/** One turn of each contestant, in their order. */
export type Round = readonly Turn[];

/** A process that gets less than this of its threads shares the machine with others. */
export const leastShare = 0.85;

/** Rounds in which nobody else was using the machine. */
export function quietRounds(rounds: readonly Round[]): Round[] {
  return rounds.filter((round) => round.every(({ share }) => share >= leastShare));
}

export interface Summary {
  /** Median of each contestant, of the quiet rounds; of all rounds where none was quiet. */
  readonly milliseconds: readonly number[];
  /** How many rounds were dropped; null where none was quiet and all count. */
  readonly dropped: number | null;
  /** Median share of each contestant over all rounds. */
  readonly shares: readonly number[];
}

/** @param rounds at least one */
export function summarise(rounds: readonly Round[]): Summary {
  const quiet = quietRounds(rounds);
  const counted = quiet.length > 0 ? quiet : rounds;
  const middles = (of: readonly Round[], value: (turn: Turn) => number) =>
    of[0].map((_, contestant) => median(of.map((round) => value(round[contestant]))));
  return {
    milliseconds: middles(counted, (turn) => turn.milliseconds),
    dropped: quiet.length > 0 ? rounds.length - quiet.length : null,
    shares: middles(rounds, (turn) => turn.share),
  };
}

/** What to say of the rounds of a piece of work. */
export function roundsNote(work: string, rounds: number, { dropped, shares }: Summary): string {
  const percent = shares.map((share) => `${Math.round(100 * share)} %`).join(' and ');
  if (dropped === null) {
    return `${work}: the machine was busy in all ${rounds} rounds (median share of the threads: ${percent}); these are no results`;
  }
  return `${work}: ${dropped} of ${rounds} rounds dropped, the machine being busy elsewhere (median share of the threads: ${percent})`;
}
