import type { Machine } from './machine.js';

/** One measured piece of work. */
export interface Row {
  readonly work: string;
  /** What the products are computed in. */
  readonly dtype: string;
  readonly oursMs: number | null;
  /** What is measured beside ours, on the same work; null where there is none. */
  readonly peer: string | null;
  readonly peerMs: number | null;
  /** Peer's time by ours: above 1, ours is faster. */
  readonly ratio: number | null;
  /** The least time that the measured ceiling allows, of the time taken. */
  readonly ceilingPercent: number | null;
  /** What only some benchmarks have, by its column's name. */
  readonly details?: Readonly<Record<string, number | string>>;
}

/** What a benchmark answers. */
export interface Measured {
  readonly isa: string;
  readonly threads: number;
  readonly rows: readonly Row[];
  /** What the reader must know: rounds that were dropped, a peer that is absent, how a ceiling was measured. */
  readonly notes: readonly string[];
}

/** What is printed and stored. */
export interface Report extends Measured {
  readonly name: string;
  readonly machine: Machine;
  /** Of the sources, with `-dirty` where they differ from it; null outside of a clone. */
  readonly commit: string | null;
  /** ISO 8601, UTC. */
  readonly date: string;
}

/** A row of work that has no peer. */
export function ownRow(
  work: string,
  dtype: string,
  oursMs: number | null,
  { ceilingPercent = null, details }: Partial<Pick<Row, 'ceilingPercent' | 'details'>> = {},
): Row {
  const noPeer = { peer: null, peerMs: null, ratio: null };
  return { work, dtype, oursMs, ...noPeer, ceilingPercent, ...(details && { details }) };
}
