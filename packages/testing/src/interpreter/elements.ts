import { TubeletError } from '@tubelet/graph';
import { joined } from '../joined.js';
import { fill, functions, product, type Reference, type Value } from './value.js';

export const activation: Reference = ({ inputs: [x], attributes }) =>
  x.data.map(functions[String(attributes.kind)]);

/** b of a's shape, or its last axis for every row. */
function pairwise(f: (a: number, b: number) => number): Reference {
  return ({ inputs: [a, b] }) => a.data.map((value, i) => f(value, b.data[i % b.data.length]));
}

export const add = pairwise((a, b) => a + b);
export const multiply = pairwise((a, b) => a * b);

export const clamp: Reference = ({ inputs: [x], attributes: { min, max } }) =>
  x.data.map((value) => Math.min(Math.max(value, Number(min)), Number(max)));

export const concat: Reference = ({ inputs, attributes, shape }) => {
  if (attributes.axis === 0) return joined(inputs.map(({ data }) => data));
  const rows = product(shape.slice(0, -1));
  const row = ({ data }: Value, r: number) =>
    data.subarray((r * data.length) / rows, ((r + 1) * data.length) / rows);
  return joined(Array.from({ length: rows }, (_, r) => inputs.map((x) => row(x, r))).flat());
};

export const linear_combination: Reference = ({ inputs: [coefficients, ...tensors], shape }) =>
  fill(shape, (i) =>
    tensors.reduce((sum, tensor, n) => sum + coefficients.data[n] * tensor.data[i], 0),
  );

/** Its bits are fixed by the native code; a second implementation in double could only come near. */
export const normal: Reference = () => {
  throw new TubeletError(
    'UNSUPPORTED',
    'normal',
    'device must be = the addon, got the interpreter',
  );
};

export const reshape: Reference = ({ inputs: [x] }) => x.data;

export const slice: Reference = ({ inputs: [x], attributes, shape }) => {
  const { data, shape: from } = x as Value;
  const start = Number(attributes.start);
  const before = product(from.slice(0, Number(attributes.axis)));
  const inner = product(from.slice(Number(attributes.axis) + 1));
  const stride = data.length / before;
  const length = product(shape) / before;
  const out = new Float64Array(product(shape));
  for (let i = 0; i < before; i++) {
    const at = i * stride + start * inner;
    out.set(data.subarray(at, at + length), i * length);
  }
  return out;
};
