import {
  activation,
  add,
  type Graph,
  graph,
  linear,
  linearCombination,
  multiply,
  normal,
  type Tensor,
} from '@tubelet/graph';

/**
 * y = Σ coefficient · latents in float32, in order: every sampler's update, and guidance.
 *
 * Inputs: coefficients f32 [count], x0, x1, … f32 [elements]. Output: y f32 [elements].
 */
export function combinedLatents(count: number): Graph {
  return graph(`latents.combine${count}`, (g) => {
    const elements = g.symbol('elements');
    const coefficients = g.input('coefficients', [count]);
    const terms = Array.from({ length: count }, (_, i) => g.input(`x${i}`, [elements]));
    g.output('y', linearCombination(coefficients, ...terms));
  });
}

/**
 * y = latents · mask + values: where the mask is 0, latents are held at values.
 *
 * Inputs: latents, mask, values f32 [elements]. Output: y f32 [elements].
 */
export function heldLatents(): Graph {
  return graph('latents.hold', (g) => {
    const elements = g.symbol('elements');
    const latents = g.input('latents', [elements]);
    const mask = g.input('mask', [elements]);
    g.output('y', add(multiply(latents, mask), g.input('values', [elements])));
  });
}

/**
 * Standard normal noise.
 *
 * Inputs: key i32 [4] (seed low, seed high, stream, first element). Output: y f32 [elements].
 */
export function noiseLatents(): Graph {
  return graph('latents.noise', (g) => {
    g.output('y', normal(g.input('key', [4], 'i32'), g.symbol('elements')));
  });
}

/**
 * How far tokens are from others: sums over each token's values.
 *
 * Inputs: x, known f32 [tokens, width]. Weight: ones [1, width].
 * Outputs: change f32 [tokens, 1] = Σ |x - known|, size f32 [tokens, 1] = Σ |known|.
 */
export function absoluteChange(width: number): Graph {
  return graph('latents.change', (g) => {
    const tokens = g.symbol('tokens');
    const x = g.input('x', [tokens, width]);
    const known = g.input('known', [tokens, width]);
    const minusOne = g.constant('minus_one', new Float32Array(width).fill(-1));
    const negative = (t: Tensor) => multiply(t, minusOne);
    const absolute = (t: Tensor) => add(activation(t, 'relu'), activation(negative(t), 'relu'));
    const ones = g.weight('ones', [1, width]);
    g.output('change', linear(absolute(add(x, negative(known))), ones)); // [tokens, 1]
    g.output('size', linear(absolute(known), ones)); // [tokens, 1]
  });
}
