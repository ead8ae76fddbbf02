import type { KlVaeConfig } from '@tubelet/models';
import type { Locate } from './dit.js';
import { OnnxModel, type Value } from './model.js';
import { convolutions, upsampled } from './picture.js';

/**
 * The twin of `klVaeDecoder` of @tubelet/models for one picture, in the ops that torch exports: group norm as
 * InstanceNormalization, attention as MatMul and Softmax.
 *
 * Input: latents float [1, latentChannels, side, side]. Output: pictures float [1, outChannels, S, S].
 */
export function klVaeDecoderOnnx(config: KlVaeConfig, side: number, locate: Locate): Uint8Array {
  const { layersPerBlock, latentChannels, outChannels, normGroups } = config;
  const m = new OnnxModel();
  const weight = (name: string, shape: readonly number[]) => m.external(name, shape, locate(name));
  const convolution = convolutions(m, locate);
  const silu = (x: Value) => m.op('Mul', [x, m.op('Sigmoid', [x])]);
  const reshape = (x: Value, ...shape: readonly number[]) => m.op('Reshape', [x, m.ints(...shape)]);
  const one = m.floats(new Float32Array(normGroups).fill(1));
  const zero = m.floats(new Float32Array(normGroups));

  const norm = (name: string, x: Value, c: number, size: number) => {
    const groups = m.op('InstanceNormalization', [reshape(x, 1, normGroups, -1), one, zero], {
      attributes: { epsilon: { float: 1e-6 } },
    });
    const scale = reshape(weight(`${name}.weight`, [c]), 1, c, 1, 1);
    const shift = reshape(weight(`${name}.bias`, [c]), 1, c, 1, 1);
    return m.op('Add', [m.op('Mul', [reshape(groups, 1, c, size, size), scale]), shift]);
  };
  const resnet = (name: string, x: Value, from: number, to: number, size: number) => {
    const first = convolution(
      `${name}.conv1`,
      silu(norm(`${name}.norm1`, x, from, size)),
      from,
      to,
    );
    const h = convolution(`${name}.conv2`, silu(norm(`${name}.norm2`, first, to, size)), to, to);
    const shortcut = { size: 1 } as const;
    return m.op('Add', [
      from === to ? x : convolution(`${name}.conv_shortcut`, x, from, to, shortcut),
      h,
    ]);
  };
  const attention = (name: string, x: Value, c: number) => {
    const flat = reshape(norm(`${name}.group_norm`, x, c, side), 1, c, side * side);
    const rows = m.op('Transpose', [flat], { attributes: { perm: [0, 2, 1] } });
    const linear = (part: string, y: Value) => {
      const stored = weight(`${name}.${part}.weight`, [c, c]);
      const product = m.op('MatMul', [y, m.op('Transpose', [stored])]);
      return m.op('Add', [product, weight(`${name}.${part}.bias`, [c])]);
    };
    const [q, k, v] = ['to_q', 'to_k', 'to_v'].map((part) => linear(part, rows));
    const scores = m.op('MatMul', [q, m.op('Transpose', [k], { attributes: { perm: [0, 2, 1] } })]);
    const scaled = m.op('Mul', [scores, m.floats(Float32Array.of(1 / Math.sqrt(c)))]);
    const a = m.op('MatMul', [m.op('Softmax', [scaled], { attributes: { axis: -1 } }), v]);
    const y = m.op('Transpose', [linear('to_out.0', a)], { attributes: { perm: [0, 2, 1] } });
    return m.op('Add', [reshape(y, 1, c, side, side), x]);
  };

  const widths = config.widths.toReversed();
  const latents = m.input('latents', 'float', [1, latentChannels, side, side]);
  const z = config.postQuantConv
    ? convolution('post_quant_conv', latents, latentChannels, latentChannels, { size: 1 })
    : latents;
  let [c, size] = [widths[0], side];
  let x = convolution('decoder.conv_in', z, latentChannels, c);
  x = resnet('decoder.mid_block.resnets.0', x, c, c, size);
  if (config.midAttention) x = attention('decoder.mid_block.attentions.0', x, c);
  x = resnet('decoder.mid_block.resnets.1', x, c, c, size);
  for (const [level, width] of widths.entries()) {
    const name = `decoder.up_blocks.${level}`;
    for (let i = 0; i <= layersPerBlock; i++) {
      x = resnet(`${name}.resnets.${i}`, x, c, width, size);
      c = width;
    }
    if (level === widths.length - 1) break;
    x = convolution(`${name}.upsamplers.0.conv`, upsampled(m, x), c, c);
    size *= 2;
  }
  const h = silu(norm('decoder.conv_norm_out', x, c, size));
  const pictures = convolution('decoder.conv_out', h, c, outChannels);
  m.output(pictures, 'pictures', [1, outChannels, size, size]);
  return m.build('kl-vae.decoder');
}
