import type { Graph } from '@tubelet/graph';

/** Rows of a tensor of ours. */
export interface OriginalPart {
  readonly name: string;
  readonly rows: number;
  /** Where they begin in it; 0 by default. */
  readonly at?: number;
}

/**
 * The names that the model's own authors gave its tensors, each with what it is here: tensors, or parts of one, that follow one
 * another along its rows.
 */
export type OriginalNames = ReadonlyMap<string, readonly OriginalPart[]>;

/** The rows of each stored tensor of a graph. */
export function storedRows({ weights }: Graph): ReadonlyMap<string, number> {
  const sources = weights.flatMap((request) => request.sources);
  return new Map(sources.map(({ names, shape }) => [names[0], shape[0]]));
}
