import type { DitConfig } from '@tubelet/models';
import { type ExternalData, OnnxModel, type Value } from './model.js';

type Rows = readonly [start: number, end: number];

/** Where a stored tensor lies; the whole of it, or rows of its first axis. */
export type Locate = (name: string, rows?: Rows) => ExternalData;

/** A weight [n, k] in 8 bits, one scale per row, transposed to [k, n]. */
export interface QuantizedWeight {
  readonly values: Int8Array;
  readonly scales: Float32Array;
}
export type Quantize = (name: string, n: number, k: number, rows?: Rows) => QuantizedWeight;

const epsilon = { float: 1e-6 };

/**
 * The twin of `dit` of @tubelet/models (the original's layout, adaLN-Zero) for `images` images, in the ops onnxruntime has its best CPU kernels for: Gemm over
 * packed weights, MultiHeadAttention (its flash kernel), FastGelu, LayerNormalization that takes scale and shift in itself
 * where there is one image. With `quantize` every Gemm is a DynamicQuantizeMatMul, what onnxruntime's own
 * quantize_dynamic with one scale per channel becomes when the session opens.
 *
 * Inputs: latents float [images, C, H, W], timestep float [images], label int64 [images].
 * Output: prediction float [images, outChannels, H, W].
 */
export function ditOnnx(
  config: DitConfig,
  images: number,
  locate: Locate,
  quantize?: Quantize,
): Uint8Array {
  const { hiddenSize: D, patchSize: p, inChannels, outChannels, inputSize, heads, ffnDim } = config;
  const m = new OnnxModel();
  const side = inputSize / p;
  const tokens = side * side;

  const weight = (name: string, shape: readonly number[], rows?: Rows) =>
    m.external(rows ? `${name}[${rows}]` : name, shape, locate(name, rows));
  const reshape = (x: Value, ...shape: readonly number[]) => m.op('Reshape', [x, m.ints(...shape)]);
  const linear = (name: string, x: Value, n: number, k: number, rows?: Rows) => {
    const bias = weight(`${name}.bias`, [n], rows);
    if (!quantize) {
      const inputs = [x, weight(`${name}.weight`, [n, k], rows), bias];
      return m.op('Gemm', inputs, { attributes: { transB: 1 } });
    }
    const { values, scales } = quantize(`${name}.weight`, n, k, rows);
    const inputs = [x, m.bytes(values, [k, n]), m.floats(scales), '', bias];
    return m.op('DynamicQuantizeMatMul', inputs, { domain: 'com.microsoft' });
  };
  const silu = (x: Value) => m.op('Mul', [x, m.op('Sigmoid', [x])]);
  const one = m.floats(Float32Array.of(1));
  const ones = images === 1 ? one : m.floats(new Float32Array(D).fill(1));

  /** norm(x)·(1 + scale) + shift of x [images, tokens, D]; scale and shift are [images, 1, D]. */
  const modulate = (x: Value, shift: Value, scale: Value) => {
    const factor = m.op('Add', [scale, one]);
    const norm = (inputs: readonly Value[]) =>
      m.op('LayerNormalization', inputs, { attributes: { axis: -1, epsilon } });
    if (images === 1) return norm([x, reshape(factor, D), reshape(shift, D)]);
    return m.op('Add', [m.op('Mul', [norm([x, ones]), factor]), shift]);
  };
  const flat = (x: Value, width = D) => reshape(x, images * tokens, width);
  const byImage = (x: Value, width = D) => reshape(x, images, tokens, width);
  const modulation = (name: string, c: Value, parts: number) =>
    m.ops('Split', [reshape(linear(name, c, parts * D, D), images, 1, parts * D)], {
      attributes: { axis: 2, num_outputs: parts },
      outputs: parts,
    });

  const latents = m.input('latents', 'float', [images, inChannels, inputSize, inputSize]);
  const embedder = [
    weight('x_embedder.proj.weight', [D, inChannels, p, p]),
    weight('x_embedder.proj.bias', [D]),
  ];
  const patches = m.op('Conv', [latents, ...embedder], {
    attributes: { kernel_shape: [p, p], strides: [p, p] },
  }); // [images, D, side, side]
  const rows = m.op('Transpose', [reshape(patches, images, D, tokens)], {
    attributes: { perm: [0, 2, 1] },
  });
  let x = m.op('Add', [rows, weight('pos_embed', [1, tokens, D])]); // [images, tokens, D]

  const angles = m.op('Mul', [
    reshape(m.input('timestep', 'float', [images]), images, 1),
    m.floats(
      Float32Array.from({ length: 128 }, (_, i) => Math.exp((-Math.log(10000) * i) / 128)),
      [1, 128],
    ),
  ]);
  const features = m.op('Concat', [m.op('Cos', [angles]), m.op('Sin', [angles])], {
    attributes: { axis: 1 },
  });
  const t = linear('t_embedder.mlp.2', silu(linear('t_embedder.mlp.0', features, D, 256)), D, D);
  const labels = config.classes + (config.nullClass ? 1 : 0);
  const y = m.op('Gather', [
    weight('y_embedder.embedding_table.weight', [labels, D]),
    m.input('label', 'int64', [images]),
  ]);
  const c = silu(m.op('Add', [t, y])); // [images, D]

  for (let i = 0; i < config.depth; i++) {
    const at = (name: string) => `blocks.${i}.${name}`;
    const [shiftA, scaleA, gateA, shiftM, scaleM, gateM] = modulation(
      at('adaLN_modulation.1'),
      c,
      6,
    );
    const h = flat(modulate(x, shiftA, scaleA));
    const qkv = [0, 1, 2].map((part) =>
      byImage(linear(at('attn.qkv'), h, D, D, [part * D, (part + 1) * D])),
    );
    const a = m.op('MultiHeadAttention', qkv, {
      attributes: { num_heads: heads },
      domain: 'com.microsoft',
    });
    const attended = byImage(linear(at('attn.proj'), flat(a), D, D));
    x = m.op('Add', [x, m.op('Mul', [attended, gateA])]);

    const f = flat(modulate(x, shiftM, scaleM));
    const up = m.op('FastGelu', [linear(at('mlp.fc1'), f, ffnDim, D)], { domain: 'com.microsoft' });
    const down = byImage(linear(at('mlp.fc2'), up, D, ffnDim));
    x = m.op('Add', [x, m.op('Mul', [down, gateM])]);
  }

  const [shift, scale] = modulation('final_layer.adaLN_modulation.1', c, 2);
  const width = p * p * outChannels;
  const out = linear('final_layer.linear', flat(modulate(x, shift, scale)), width, D);
  const places = m.op('Transpose', [reshape(out, images, side, side, p, p, outChannels)], {
    attributes: { perm: [0, 5, 1, 3, 2, 4] },
  });
  const shape = [images, outChannels, inputSize, inputSize];
  m.output(reshape(places, ...shape), 'prediction', shape);
  return m.build('dit');
}
