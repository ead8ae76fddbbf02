import type { TinyVaeConfig } from '@tubelet/models';
import type { Locate } from './dit.js';
import { OnnxModel, type Value } from './model.js';
import { convolutions, upsampled } from './picture.js';

/**
 * The twin of `tinyVaeDecoder` of @tubelet/models in diffusers' layout, for one picture.
 *
 * Input: latents float [1, latentChannels, side, side]. Output: pictures float [1, outChannels, S, S].
 */
export function tinyVaeDecoderOnnx(
  { latentChannels, outChannels, width, decoderBlocks }: TinyVaeConfig,
  side: number,
  locate: Locate,
): Uint8Array {
  const m = new OnnxModel();
  const convolution = convolutions(m, locate);
  const number = (value: number) => m.floats(Float32Array.of(value));
  const relu = (x: Value) => m.op('Relu', [x]);
  let layer = 0;
  const next = () => `decoder.layers.${layer++}`;
  const block = (x: Value) => {
    const name = next();
    const first = relu(convolution(`${name}.conv.0`, x, width, width));
    const second = relu(convolution(`${name}.conv.2`, first, width, width));
    return relu(m.op('Add', [convolution(`${name}.conv.4`, second, width, width), x]));
  };

  const latents = m.input('latents', 'float', [1, latentChannels, side, side]);
  const third = m.op('Mul', [latents, number(1 / 3)]);
  const limited = m.op('Mul', [m.op('Tanh', [third]), number(3)]);
  let x = relu(convolution(next(), limited, latentChannels, width));
  next(); // the activation
  for (const [level, count] of decoderBlocks.entries()) {
    for (let i = 0; i < count; i++) x = block(x);
    if (level === decoderBlocks.length - 1) break;
    next(); // the upsampling
    x = convolution(next(), upsampled(m, x), width, width, { hasBias: false });
  }
  const y = convolution(next(), x, width, outChannels);
  const pictures = m.op('Sub', [m.op('Mul', [y, number(2)]), number(1)]);
  const size = side * 2 ** (decoderBlocks.length - 1);
  m.output(pictures, 'pictures', [1, outChannels, size, size]);
  return m.build('tiny-vae.decoder');
}
