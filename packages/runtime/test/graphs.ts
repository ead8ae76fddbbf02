import { adaln, type Graph, graph } from '@tubelet/graph';

/**
 * `nodes` adaLN one after another over `[tokens, width]`: inputs x, modulation `[1, 2·width]`, row;
 * output y.
 */
export function adalnChain(nodes: number, width: number): Graph {
  return graph('chain', (g) => {
    const tokens = g.symbol('tokens');
    const x = g.input('x', [tokens, width]);
    const modulation = g.input('modulation', [1, 2 * width]);
    const row = g.input('row', [tokens], 'i32');
    let y = x;
    for (let i = 0; i < nodes; i++) {
      y = adaln(y, modulation, row, { epsilon: 1e-6, shiftColumn: 0, scaleColumn: width });
    }
    g.output('y', y);
  });
}

/** adaLN of one row, as plain as can be. */
export function adalnReference(x: Float32Array, modulation: Float32Array): Float32Array {
  const width = x.length;
  const mean = x.reduce((sum, value) => sum + value, 0) / width;
  const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width;
  return x.map((value, d) => {
    const normed = (value - mean) / Math.sqrt(variance + 1e-6);
    return normed * (1 + modulation[width + d]) + modulation[d];
  });
}

/** A graph that weighs: y = x modulated by a table that is a weight `[1, 2·width]`. */
export function weightedGraph(width: number): Graph {
  return graph('weighted', (g) => {
    const tokens = g.symbol('tokens');
    const x = g.input('x', [tokens, width]);
    const row = g.input('row', [tokens], 'i32');
    const table = g.weight('table', [1, 2 * width]);
    const options = { epsilon: 1e-6, shiftColumn: 0, scaleColumn: width };
    g.output('y', adaln(x, table, row, options));
  });
}
