import { expect, test } from 'vitest';
import { fluxCheckpoint, packFlux, parseFluxConfig } from '../src/index.js';

test('FLUX.1 dev and schnell: 11.90 and 11.89 billion parameters', () => {
  const millions = (guidance_embeds: boolean) => {
    const [graph] = fluxCheckpoint(parseFluxConfig({ guidance_embeds })).graphs;
    const shapes = graph.weights.flatMap(({ sources }) => sources).map(({ shape }) => shape);
    const sum = shapes.reduce((total, shape) => total + shape.reduce((a, b) => a * b, 1), 0);
    return Math.round(sum / 1e6);
  };
  expect([true, false].map(millions)).toEqual([11_901, 11_891]);
});

test('in a segment the text comes first, and only the image turns', () => {
  const config = parseFluxConfig({ attention_head_dim: 6, axes_dims_rope: [2, 2, 2] });
  const { inputs } = packFlux(config, [
    { height: 1, width: 2, textTokens: 1 },
    { height: 1, width: 1, textTokens: 2 },
  ]);
  expect([...inputs.jointIndex]).toEqual([3, 0, 1, 4, 5, 2]);
  expect([...inputs.imageIndex]).toEqual([1, 2, 5]);
  expect([...inputs.sin.subarray(0, 9)]).toEqual([
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    Math.fround(Math.sin(1)),
  ]);
});

test.each([
  ['[flux] axes_dims_rope must be = sizes that sum to 128, got [16,56,54]', [16, 56, 54]],
  ['[flux] axes_dims_rope must be = three even sizes, got [64,64]', [64, 64]],
])('%s', (message, axes_dims_rope) => {
  expect(() => parseFluxConfig({ axes_dims_rope })).toThrow(message);
});
