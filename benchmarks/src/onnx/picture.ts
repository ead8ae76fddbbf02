import type { Locate } from './dit.js';
import type { OnnxModel, Value } from './model.js';

interface Layer {
  readonly size?: 1 | 3;
  readonly hasBias?: boolean;
}

/** Adds convolutions that keep the picture's size, by the name of their weights. */
export function convolutions(m: OnnxModel, locate: Locate) {
  return (
    name: string,
    x: Value,
    from: number,
    to: number,
    { size = 3, hasBias = true }: Layer = {},
  ): Value => {
    const external = (kind: string, shape: readonly number[]) =>
      m.external(`${name}.${kind}`, shape, locate(`${name}.${kind}`));
    const weight = external('weight', [to, from, size, size]);
    const pad = (size - 1) / 2;
    return m.op('Conv', hasBias ? [x, weight, external('bias', [to])] : [x, weight], {
      attributes: { kernel_shape: [size, size], pads: [pad, pad, pad, pad] },
    });
  };
}

/** Twice as high and wide, nearest. */
export function upsampled(m: OnnxModel, x: Value): Value {
  return m.op('Resize', [x, '', m.floats(Float32Array.of(1, 1, 2, 2))], {
    attributes: {
      mode: 'nearest',
      coordinate_transformation_mode: 'asymmetric',
      nearest_mode: 'floor',
    },
  });
}
