import { check } from './error.js';
import type { Tensor } from './tensor.js';

/** A size that a run decides, up to the plan's capacity: `tokens`, `rows`, … */
export interface SymbolicDim {
  readonly symbol: string;
  /** Place among the graph's symbols. */
  readonly index: number;
}

/** One size of a shape; only the first one may be a symbol. */
export type Dim = number | SymbolicDim;

/** Sizes of a tensor's axes, the slowest first. */
export type Shape = readonly Dim[];

/** The most axes a tensor may have. */
export const maxRank = 5;

/** The wire's form of a dim: a fixed size as it is, symbol k as -1-k. */
export function encodeDim(dim: Dim): number {
  return typeof dim === 'number' ? dim : -1 - dim.index;
}

/** Whether two sizes are the same number or the same symbol. */
export function sameDim(a: Dim, b: Dim): boolean {
  return encodeDim(a) === encodeDim(b);
}

/** Whether two shapes are the same, size by size. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, axis) => sameDim(dim, b[axis]));
}

/** A size as errors show it. */
export function dimText(dim: Dim): string {
  return typeof dim === 'number' ? String(dim) : dim.symbol;
}

/** `[tokens, 64]` */
export function shapeText(shape: Shape): string {
  return `[${shape.map(dimText).join(', ')}]`;
}

/** Product of the fixed dims from axis `from` on. */
export function elementsOf(shape: Shape, from = 0): number {
  return shape.slice(from).reduce<number>((product, dim) => product * fixed(dim), 1);
}

function fixed(dim: Dim): number {
  if (typeof dim === 'number') return dim;
  throw new RangeError(`size of symbol ${dim.symbol} is known only to a run`);
}

/** The last dim, which is always a number but in rank 1. */
export function lastDim(tensor: Tensor): number {
  return fixed(tensor.shape[tensor.shape.length - 1]);
}

/** A shape on its way into a graph: rank, sizes, symbols only in front. */
export function checkShape(op: string, name: string, shape: Shape): void {
  const rank = shape.length;
  check(rank >= 1 && rank <= maxRank, 'BAD_SHAPE', op, `${name} rank`, `1 to ${maxRank}`, rank);
  shape.forEach((dim, axis) => {
    const what = `axis ${axis} of ${name}`;
    if (typeof dim === 'number') {
      const good = Number.isSafeInteger(dim) && dim >= 1 && dim < 2 ** 31;
      check(good, 'BAD_SHAPE', op, what, 'a whole number from 1', dim);
    } else {
      check(
        axis === 0,
        'BAD_SHAPE',
        op,
        what,
        'a number, as only axis 0 may be a symbol',
        dim.symbol,
      );
    }
  });
}

export function requireRank(op: string, name: string, tensor: Tensor, rank: number): void {
  const got = tensor.shape.length;
  check(got === rank, 'BAD_SHAPE', op, `${name} rank`, rank, shapeText(tensor.shape));
}

export function requireShape(op: string, name: string, tensor: Tensor, expected: Shape): void {
  const good = sameShape(tensor.shape, expected);
  check(good, 'BAD_SHAPE', op, `${name} shape`, shapeText(expected), shapeText(tensor.shape));
}

/** A `[T, D]` tensor's two dims. */
export function matrixDims(op: string, name: string, tensor: Tensor): [Dim, number] {
  requireRank(op, name, tensor, 2);
  return [tensor.shape[0], fixed(tensor.shape[1])];
}

/** The first dim of a tensor that must have it fixed. */
export function fixedFirst(op: string, name: string, tensor: Tensor): number {
  const first = tensor.shape[0];
  const fixed = typeof first === 'number';
  check(fixed, 'BAD_SHAPE', op, `${name} dim 0`, 'a number', shapeText(tensor.shape));
  return Number(first);
}

/** A `[F, H, W, C]` tensor's four sizes. */
export function clipDims(
  op: string,
  name: string,
  tensor: Tensor,
): [number, number, number, number] {
  requireRank(op, name, tensor, 4);
  const frames = fixedFirst(op, name, tensor);
  return [frames, fixed(tensor.shape[1]), fixed(tensor.shape[2]), fixed(tensor.shape[3])];
}

/** Columns of a tensor that an attribute divides. */
export function requireMultiple(
  op: string,
  name: string,
  size: number,
  attribute: string,
  factor: number,
): void {
  const good = factor >= 1 && size % factor === 0;
  check(good, 'BAD_SHAPE', op, `${name} columns`, `a multiple of ${attribute} ${factor}`, size);
}

/** b has the shape of a, or is a vector for every row of it. */
export function requireBroadcast(op: string, a: Tensor, b: Tensor): void {
  if (!sameShape(b.shape, a.shape.slice(-1))) requireShape(op, 'b', b, a.shape);
}
