import { expect, test } from 'vitest';
import {
  activation,
  adaln,
  add,
  attention,
  clamp,
  columns,
  concat,
  concatColumns,
  convolution,
  type DType,
  depthToSpace,
  embedding,
  GraphBuilder,
  gatedResidual,
  gather,
  groupNorm,
  layerNorm,
  linear,
  linearCombination,
  multiply,
  normal,
  patchify,
  reshape,
  rmsNorm,
  rotary,
  type Shape,
  shapeText,
  slice,
  spaceToDepth,
  type Tensor,
  timestepEmbedding,
  unpatchify,
  upsample,
} from '../src/index.js';

interface Given {
  readonly g: GraphBuilder;
  readonly tokens: Shape[number];
  in(shape: Shape, dtype?: DType): Tensor;
  w(shape: readonly number[]): Tensor;
}

function given(): Given {
  const g = new GraphBuilder('test');
  const tokens = g.symbol('tokens');
  let count = 0;
  return {
    g,
    tokens,
    in: (shape, dtype) => g.input(`in${count++}`, shape, dtype),
    w: (shape) => g.weight(`w${count++}`, shape),
  };
}

/** Builds a result whose shape is compared with the text. */
const shapes: [name: string, shape: string, build: (t: Given) => Tensor][] = [
  ['linear', '[tokens, 5]', (t) => linear(t.in([t.tokens, 3]), t.w([5, 3]), { bias: t.w([5]) })],
  [
    'linear with gate and residual',
    '[tokens, 5]',
    (t) =>
      linear(t.in([t.tokens, 3]), t.w([5, 3]), {
        modulation: t.in([2, 12]),
        row: t.in([t.tokens], 'i32'),
        gateColumn: 7,
        residual: t.in([t.tokens, 5]),
      }),
  ],
  ['layer_norm', '[7, 3]', (t) => layerNorm(t.in([7, 3]), { weight: t.w([3]), epsilon: 1e-6 })],
  [
    'layer_norm',
    '[7, 6]',
    (t) => layerNorm(t.in([7, 6]), { weight: t.w([3]), bias: t.w([6]), epsilon: 1e-6, groups: 2 }),
  ],
  [
    'adaln',
    '[tokens, 3]',
    (t) =>
      adaln(t.in([t.tokens, 3]), t.in([1, 6]), t.in([t.tokens], 'i32'), {
        epsilon: 1e-6,
        shiftColumn: 0,
        scaleColumn: 3,
      }),
  ],
  ['rms_norm over a clip', '[2, 3, 4, 6]', (t) => rmsNorm(t.in([2, 3, 4, 6]), { epsilon: 0 })],
  [
    'rms_norm of groups',
    '[tokens, 6]',
    (t) => rmsNorm(t.in([t.tokens, 6]), { epsilon: 0, groups: 3, weight: t.w([2]) }),
  ],
  [
    'gated_residual',
    '[4, 3]',
    (t) =>
      gatedResidual(t.in([4, 3]), t.in([4, 3]), t.in([1, 5]), t.in([4], 'i32'), { gateColumn: 2 }),
  ],
  [
    'rotary of a part of the head',
    '[tokens, 10]',
    (t) =>
      rotary(t.in([t.tokens, 10]), t.in([t.tokens, 2]), t.in([t.tokens, 2]), {
        headDim: 5,
        layout: 'halves',
      }),
  ],
  [
    'attention across, wider values, bias',
    '[tokens, 12]',
    (t) =>
      attention(t.in([t.tokens, 8]), t.in([9, 8]), t.in([9, 12]), t.in([1, 4], 'i32'), {
        heads: 4,
        scale: 0.5,
        bias: t.in([17, 4]),
      }),
  ],
  ['embedding', '[tokens, 4]', (t) => embedding(t.in([t.tokens], 'i32'), t.w([11, 4]))],
  ['timestep_embedding, odd', '[3, 7]', (t) => timestepEmbedding(t.in([3]), { dim: 7 })],
  [
    'patchify',
    '[tokens, 24]',
    (t) =>
      patchify(t.in([t.g.symbol('elements')]), t.in([2, 5], 'i32'), {
        channels: 3,
        patchT: 2,
        patchH: 1,
        patchW: 4,
        order: 'channel_first',
        tokens: t.tokens,
      }),
  ],
  [
    'unpatchify',
    '[elements]',
    (t) =>
      unpatchify(t.in([t.tokens, 24]), t.in([2, 5], 'i32'), {
        channels: 3,
        patchT: 2,
        patchH: 1,
        patchW: 4,
        order: 'channel_last',
        elements: t.g.symbol('elements'),
      }),
  ],
  ['activation', '[tokens]', (t) => activation(t.in([t.tokens]), 'silu')],
  ['add of a vector', '[2, 3, 4]', (t) => add(t.in([2, 3, 4]), t.w([4]))],
  ['multiply', '[tokens, 4]', (t) => multiply(t.in([t.tokens, 4]), t.in([t.tokens, 4]))],
  ['clamp', '[2]', (t) => clamp(t.in([2]), { min: -1, max: 1 })],
  [
    'convolution, causal with a cache, odd sizes',
    '[4, 5, 7, 6]',
    (t) =>
      convolution(t.in([4, 5, 7, 3]), t.w([6, 3, 3, 3, 3]), {
        cache: t.in([1, 5, 7, 3]),
        padFront: 2,
        padTop: 1,
        padBottom: 1,
        padLeft: 1,
        padRight: 1,
      }),
  ],
  [
    'convolution downwards, padding right and bottom',
    '[2, 2, 3, 6]',
    (t) =>
      convolution(t.in([4, 5, 7, 3]), t.w([6, 3, 3, 3, 3]), {
        strideT: 2,
        strideH: 2,
        strideW: 2,
        padFront: 1,
        padBottom: 1,
        padRight: 1,
      }),
  ],
  [
    'convolution upwards',
    '[1, 4, 6, 2]',
    (t) =>
      convolution(t.in([1, 2, 3, 5]), t.w([2, 5, 1, 3, 3]), {
        upsample: 2,
        padTop: 1,
        padBottom: 1,
        padLeft: 1,
        padRight: 1,
        residual: t.in([1, 4, 6, 2]),
      }),
  ],
  ['upsample', '[2, 6, 3, 5]', (t) => upsample(t.in([1, 3, 3, 5]), { factorT: 2, factorH: 2 })],
  [
    'depth_to_space with repeats',
    '[4, 4, 6, 2]',
    (t) =>
      depthToSpace(t.in([2, 2, 3, 8]), {
        factorT: 2,
        factorH: 2,
        factorW: 2,
        channels: 2,
        repeats: 2,
        channelStride: 8,
        strideT: 4,
        strideH: 2,
        strideW: 1,
      }),
  ],
  [
    'space_to_depth, padded in front, averaged',
    '[1, 2, 2, 6]',
    (t) =>
      spaceToDepth(t.in([1, 4, 4, 3]), {
        factorT: 2,
        factorH: 2,
        factorW: 2,
        padFront: 1,
        group: 4,
        channelStride: 8,
        strideT: 4,
        strideH: 2,
        strideW: 1,
      }),
  ],
  ['concat', '[6, 2]', (t) => concat(t.in([1, 2]), t.in([2, 2]), t.in([3, 2]))],
  [
    'concat of columns',
    '[tokens, 5]',
    (t) => concatColumns(t.in([t.tokens, 2]), t.in([t.tokens, 3])),
  ],
  [
    'concat of channels',
    '[1, 2, 3, 9]',
    (t) => concatColumns(t.in([1, 2, 3, 4]), t.in([1, 2, 3, 5])),
  ],
  [
    'gather',
    '[tokens, 3]',
    (t) => gather(t.in([t.tokens], 'i32'), t.in([t.g.symbol('rows'), 3]), t.w([1, 3])),
  ],
  [
    'group_norm',
    '[2, 3, 4, 6]',
    (t) =>
      groupNorm(t.in([2, 3, 4, 6]), { groups: 3, epsilon: 1e-6, weight: t.w([6]), bias: t.w([6]) }),
  ],
  [
    'linear_combination',
    '[elements]',
    (t) => {
      const elements = t.g.symbol('elements');
      return linearCombination(t.in([2]), t.in([elements]), t.in([elements]));
    },
  ],
  ['normal', '[elements]', (t) => normal(t.in([4], 'i32'), t.g.symbol('elements'))],
  ['reshape', '[12, 5]', (t) => reshape(t.in([3, 2, 2, 5]), [12, 5])],
  [
    'reshape keeps a symbol',
    '[tokens, 2, 3]',
    (t) => reshape(t.in([t.tokens, 6]), [t.tokens, 2, 3]),
  ],
  ['slice of rows', '[2, 3, 4]', (t) => slice(t.in([5, 3, 4]), { axis: 0, start: 3, end: 5 })],
  ['columns', '[tokens, 2]', (t) => columns(t.in([t.tokens, 6]), 4, 2)],
];

test.each(shapes)('%s gives %s', (_name, shape, build) => {
  expect(shapeText(build(given()).shape)).toBe(shape);
});

const refusals: [message: string, build: (t: Given) => Tensor][] = [
  [
    '[linear] weight shape must be = [5, 3], got [5, 4]',
    (t) => linear(t.in([t.tokens, 3]), t.w([5, 4])),
  ],
  [
    '[linear] weight must be = a weight, got "in1"',
    (t) => linear(t.in([t.tokens, 3]), t.in([5, 3])),
  ],
  [
    '[linear] modulation columns must be = at least 12, got 11',
    (t) =>
      linear(t.in([t.tokens, 3]), t.w([5, 3]), {
        modulation: t.in([1, 11]),
        row: t.in([t.tokens], 'i32'),
        gateColumn: 7,
      }),
  ],
  [
    '[linear] modulation and row must be = given together, got modulation only',
    (t) => linear(t.in([t.tokens, 3]), t.w([5, 3]), { modulation: t.in([1, 5]) }),
  ],
  [
    '[layer_norm] x columns must be = a multiple of groups 2, got 7',
    (t) => layerNorm(t.in([3, 7]), { epsilon: 1e-6, groups: 2 }),
  ],
  [
    '[layer_norm] bias shape must be = [6], got [2]',
    (t) => layerNorm(t.in([3, 6]), { bias: t.w([2]), epsilon: 1e-6, groups: 2 }),
  ],
  ['[layer_norm] x rank must be = 2, got [3]', (t) => layerNorm(t.in([3]), { epsilon: 1e-6 })],
  [
    '[layer_norm] attribute epsilon must be = number, got NaN',
    (t) => layerNorm(t.in([2, 3]), { epsilon: Number.NaN }),
  ],
  [
    '[adaln] row dtype must be = i32, got f32',
    (t) =>
      adaln(t.in([4, 3]), t.in([1, 6]), t.in([4]), {
        epsilon: 1e-6,
        shiftColumn: 0,
        scaleColumn: 3,
      }),
  ],
  [
    '[adaln] row shape must be = [tokens], got [rows]',
    (t) =>
      adaln(t.in([t.tokens, 3]), t.in([1, 6]), t.in([t.g.symbol('rows')], 'i32'), {
        epsilon: 1e-6,
        shiftColumn: 0,
        scaleColumn: 3,
      }),
  ],
  [
    '[rms_norm] weight shape must be = [6], got [3]',
    (t) => rmsNorm(t.in([4, 6]), { epsilon: 0, groups: 3, weight: t.w([3]) }),
  ],
  [
    '[rotary] cos columns must be = at most half of headDim 5, got 3',
    (t) => rotary(t.in([4, 10]), t.in([4, 3]), t.in([4, 3]), { headDim: 5, layout: 'interleaved' }),
  ],
  [
    '[attention] q columns must be = a multiple of heads 3, got 8',
    (t) =>
      attention(t.in([4, 8]), t.in([9, 8]), t.in([9, 12]), t.in([1, 4], 'i32'), {
        heads: 3,
        scale: 1,
      }),
  ],
  [
    '[attention] bias rows must be = odd, got 16',
    (t) =>
      attention(t.in([4, 8]), t.in([9, 8]), t.in([9, 8]), t.in([1, 4], 'i32'), {
        heads: 2,
        scale: 1,
        bias: t.in([16, 2]),
      }),
  ],
  [
    '[convolution] cache frames must be = at most padFront 2, got 3',
    (t) =>
      convolution(t.in([4, 5, 7, 3]), t.w([6, 3, 3, 1, 1]), {
        cache: t.in([3, 5, 7, 3]),
        padFront: 2,
      }),
  ],
  [
    "[convolution] padded x along time must be = at least the kernel's 3, got 2",
    (t) => convolution(t.in([2, 5, 7, 3]), t.w([6, 3, 3, 1, 1])),
  ],
  [
    '[convolution] x dim 0 must be = a number, got [tokens, 5, 7, 3]',
    (t) => convolution(t.in([t.tokens, 5, 7, 3]), t.w([6, 3, 1, 1, 1])),
  ],
  [
    "[depth_to_space] channel reached by the strides must be = below x's 7, got 7",
    (t) =>
      depthToSpace(t.in([1, 2, 2, 7]), {
        factorH: 2,
        factorW: 2,
        channels: 2,
        channelStride: 4,
        strideH: 2,
        strideW: 1,
      }),
  ],
  [
    '[space_to_depth] height must be = a multiple of 2, got 3',
    (t) =>
      spaceToDepth(t.in([1, 3, 2, 1]), {
        factorH: 2,
        factorW: 2,
        channelStride: 4,
        strideH: 2,
        strideW: 1,
      }),
  ],
  ['[concat] inputs must be = at least one, got none', () => concat()],
  ['[concat] x dim 0 must be = a number, got [tokens, 2]', (t) => concat(t.in([t.tokens, 2]))],
  [
    '[concat] x shape must be = [tokens, 2], got [rows, 2]',
    (t) => concatColumns(t.in([t.tokens, 2]), t.in([t.g.symbol('rows'), 2])),
  ],
  ['[concat] x shape must be = [3, 3], got [3]', (t) => concat(t.in([2, 3]), t.in([3]))],
  ['[gather] x must be = at least one tensor, got none', (t) => gather(t.in([3], 'i32'))],
  [
    '[gather] x shape must be = [tokens, 3], got [tokens, 4]',
    (t) => gather(t.in([3], 'i32'), t.in([2, 3]), t.in([t.tokens, 4])),
  ],
  ['[gather] index rank must be = 1, got [3, 1]', (t) => gather(t.in([3, 1], 'i32'), t.in([2, 3]))],
  [
    '[group_norm] x columns must be = a multiple of groups 4, got 6',
    (t) => groupNorm(t.in([1, 2, 2, 6]), { groups: 4, epsilon: 1e-6 }),
  ],
  [
    '[group_norm] weight shape must be = [6], got [5]',
    (t) => groupNorm(t.in([1, 2, 2, 6]), { groups: 3, epsilon: 1e-6, weight: t.w([5]) }),
  ],
  ['[add] b shape must be = [4, 3], got [4]', (t) => add(t.in([4, 3]), t.in([4]))],
  [
    '[reshape] elements must be = those of x [3, 4], got [5, 2]',
    (t) => reshape(t.in([3, 4]), [5, 2]),
  ],
  [
    '[reshape] elements must be = those of x [tokens, 4], got [8, 2]',
    (t) => reshape(t.in([t.tokens, 4]), [8, 2]),
  ],
  [
    '[slice] axis must be = 0 or 2, got 1',
    (t) => slice(t.in([2, 3, 4]), { axis: 1, start: 0, end: 1 }),
  ],
  [
    '[slice] start and end must be = a range within 4, got 3 to 5',
    (t) => columns(t.in([2, 4]), 3, 2),
  ],
  [
    '[slice] the sliced axis must be = a fixed size, got [tokens, 4]',
    (t) => slice(t.in([t.tokens, 4]), { axis: 0, start: 0, end: 1 }),
  ],
  [
    '[add] b must be = a tensor of the same graph, got other',
    (t) => add(t.in([3]), new GraphBuilder('b').input('other', [3])),
  ],
  [
    '[graph] axis 1 of x must be = a number, as only axis 0 may be a symbol, got tokens',
    (t) => t.g.input('x', [3, t.tokens]),
  ],
  ['[graph] axis 0 of x must be = a whole number from 1, got 0', (t) => t.g.input('x', [0])],
  ['[graph] x rank must be = 1 to 5, got 6', (t) => t.g.input('x', [1, 1, 1, 1, 1, 1])],
];

test.each(refusals)('%s', (message, build) => {
  expect(() => build(given())).toThrow(expect.objectContaining({ message, name: 'TubeletError' }));
});

test('space_to_depth must reach every channel once', () => {
  const t = given();
  expect(() =>
    spaceToDepth(t.in([1, 2, 2, 3]), { factorH: 2, channelStride: 2, strideH: 2 }),
  ).toThrow(
    '[space_to_depth] strides must be = those of some order of c, t, h, w with 1 among them, got 2',
  );
});

test('unknown attributes from JavaScript are refused by name', () => {
  const t = given();
  const options = { epsilon: 1e-6, eps: 1e-6 };
  expect(() => layerNorm(t.in([2, 3]), options)).toThrow(
    '[layer_norm] attribute must be = epsilon, groups, got eps',
  );
});
