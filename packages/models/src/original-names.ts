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

/** A layer of the original, and the layers it is here. */
export type OriginalLayer = readonly [original: string, ours: readonly string[]];

/**
 * The weights and biases of layers whose rows follow one another in the original; what the graph has not is left out.
 *
 * @param theirs what stands before the original's names
 * @param here what stands before ours
 */
export function layerNames(
  rows: ReadonlyMap<string, number>,
  layers: readonly OriginalLayer[],
  theirs = '',
  here = '',
): [string, readonly OriginalPart[]][] {
  return layers.flatMap(([original, ours]) =>
    ['weight', 'bias'].flatMap((kind): [string, readonly OriginalPart[]][] => {
      const parts = ours.flatMap((layer): OriginalPart[] => {
        const name = `${here}${layer}.${kind}`;
        const count = rows.get(name);
        return count === undefined ? [] : [{ name, rows: count }];
      });
      return parts.length > 0 ? [[`${theirs}${original}.${kind}`, parts]] : [];
    }),
  );
}

/** A layer of shift, then scale, which here is scale, then shift. */
export function swappedHalves(original: string, ours: string, half: number) {
  return ['weight', 'bias'].map((kind): [string, readonly OriginalPart[]] => {
    const part = { name: `${ours}.${kind}`, rows: half };
    return [`${original}.${kind}`, [{ ...part, at: half }, part]];
  });
}

/** The rows of each stored tensor of a graph. */
export function storedRows({ weights }: Graph): ReadonlyMap<string, number> {
  const sources = weights.flatMap((request) => request.sources);
  return new Map(sources.map(({ names, shape }) => [names[0], shape[0]]));
}
