import { expect, test } from 'vitest';
import {
  activation,
  add,
  type Graph,
  gather,
  graph,
  linear,
  splitGraph,
  type Tensor,
} from '../src/index.js';

/** Blocks over rows that are tokens and, where they are joint, others between them. */
function transformer(layers: number, { isJoint = false, isCut = true } = {}): Graph {
  return graph('small', (g) => {
    const [rows, tokens] = [g.symbol('rows'), g.symbol('tokens')];
    const index = g.input('index', [tokens], 'i32');
    const condition = activation(g.input('condition', [rows, 4]), 'silu');
    const scaled = add(g.input('x', [rows, 4]), g.constant('one', Float32Array.of(1, 1, 1, 1)));
    const cut = (name: 'embedded' | 'first' | 'last', x: Tensor, at?: Tensor) => {
      if (isCut) g.cut(name, x, at);
    };
    let x = scaled;
    cut('embedded', x, isJoint ? index : undefined);
    for (let layer = 0; layer < layers; layer++) {
      x = add(linear(x, g.weight(`blocks.${layer}.weight`, [4, 4])), condition);
      if (layer === 0) cut('first', x, isJoint ? index : undefined);
    }
    const last = isJoint ? gather(index, x) : x;
    cut('last', last);
    g.output('y', linear(last, g.weight('out.weight', [2, 4])));
  });
}

const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name);

test('a graph is cut into what the first block, the others and the end need', () => {
  const { first, rest, last, carried } = splitGraph(transformer(3))!;
  expect(names(carried)).toEqual(['activation']);
  expect(names(first.inputs)).toEqual(['condition', 'x']);
  expect(names(first.outputs)).toEqual(['embedded', 'first', 'activation']);
  expect(names(rest.inputs)).toEqual(['activation', 'first']);
  expect(names(rest.outputs)).toEqual(['last']);
  expect(names(last.inputs)).toEqual(['last']);
  expect(names(last.outputs)).toEqual(['y']);
  expect([first, rest, last].map(({ weights }) => names(weights))).toEqual([
    ['blocks.0.weight'],
    ['blocks.1.weight', 'blocks.2.weight'],
    ['out.weight'],
  ]);
  const whole = transformer(3);
  const nodes = [first, rest, last].flatMap((part) => names(part.nodes));
  expect(nodes).toEqual(names(whole.nodes));
  expect(first.symbols).toEqual(['rows']);
});

test('of joint rows the tokens are answered apart, and all rows are carried', () => {
  const { first, rest, last, carried } = splitGraph(transformer(2, { isJoint: true }))!;
  expect(names(first.outputs)).toEqual(['embedded', 'first', ...names(carried)]);
  expect(carried).toHaveLength(2);
  expect(names(first.inputs)).toContain('index');
  expect(names(rest.inputs)).toEqual(expect.arrayContaining(['index', ...names(carried)]));
  expect(names(last.inputs)).toEqual(['last']);
  for (const { tensor } of first.outputs.slice(0, 2))
    expect(tensor.shape).toEqual([expect.objectContaining({ symbol: 'tokens' }), 4]);
});

test('a graph of one block, or without these places, has no parts', () => {
  expect(splitGraph(transformer(1))).toBeUndefined();
  expect(splitGraph(transformer(2, { isCut: false }))).toBeUndefined();
});
