import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  dit,
  klVaeDecoder,
  parseDitConfig,
  parseKlVaeConfig,
  parseTinyVaeConfig,
  tinyVaeDecoder,
} from '@tubelet/models';
import { openDevice } from '@tubelet/runtime';
import { afterAll, describe, expect, it } from 'vitest';
import { ditFeeds, maxDifference, openDit, runTwin } from '../src/dit-run.js';
import { ditOnnx } from '../src/onnx/dit.js';
import { klVaeDecoderOnnx } from '../src/onnx/kl-vae.js';
import { OnnxModel } from '../src/onnx/model.js';
import { message } from '../src/onnx/protobuf.js';
import { tinyVaeDecoderOnnx } from '../src/onnx/tiny-vae.js';
import { loadOnnxRuntime, onnxOptions, peerAdvice } from '../src/peer.js';
import { locateIn, writeRandomWeights } from '../src/random-weights.js';
import { decoderLatents, openPictureDecoder, transposed } from '../src/vae-files.js';

const peer = loadOnnxRuntime();
const folder = mkdtempSync(join(tmpdir(), 'tubelet-onnx-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('message', () => {
  // The examples of protobuf.dev/programming-guides/encoding.
  it('encodes numbers, texts, messages and floats', () => {
    expect([...message([1, 150])]).toEqual([0x08, 0x96, 0x01]);
    expect([...message([2, 'testing'])]).toEqual([0x12, 7, ...Buffer.from('testing')]);
    expect([...message([3, message([1, 150])])]).toEqual([0x1a, 3, 0x08, 0x96, 0x01]);
    expect([...message([16, 1])]).toEqual([0x80, 0x01, 0x01]);
    expect([...message([1, { float: 1 }])]).toEqual([0x0d, 0, 0, 0x80, 0x3f]);
  });

  it('encodes a negative number in ten bytes, and one beyond 32 bits', () => {
    expect([...message([1, -1])]).toEqual([0x08, ...Array(9).fill(0xff), 0x01]);
    expect([...message([1, 2 ** 35])]).toEqual([0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]);
  });
});

// onnxruntime-node is no dependency: `npm run bench -- install-peers`.
describe.skipIf(!peer)(peer ? 'onnxruntime' : `onnxruntime (${peerAdvice})`, () => {
  it('reads a model back and computes it', async () => {
    const { InferenceSession, Tensor } = peer!;
    const m = new OnnxModel();
    const x = m.input('x', 'float', [2, 3]);
    const factor = m.floats(Float32Array.of(1, 10, 100));
    const flipped = m.op('Transpose', [m.op('Mul', [x, factor])], { attributes: { perm: [1, 0] } });
    m.output(m.op('LeakyRelu', [flipped], { attributes: { alpha: { float: 0.5 } } }), 'y', [3, 2]);
    const path = join(folder, 'small.onnx');
    writeFileSync(path, m.build('small'));
    const session = await InferenceSession.create(path, onnxOptions(1));
    const { y } = await session.run({
      x: new Tensor('float32', Float32Array.of(1, 2, 3, -4, -5, -6), [2, 3]),
    });
    await session.release();
    expect(y.dims).toEqual([3, 2]);
    expect([...y.data]).toEqual([1, -2, 20, -25, 300, -300]);
  });

  it.each([1, 3])(
    'gives what the graph gives for %i images of one weights file',
    async (images) => {
      const size = { input_size: 8, in_channels: 3, num_classes: 300 };
      const config = parseDitConfig({ ...size, hidden_size: 48, depth: 2, num_heads: 3 });
      const weights = join(folder, 'dit.safetensors');
      const layout = writeRandomWeights(weights, dit(config));
      const path = join(folder, `dit-${images}.onnx`);
      writeFileSync(path, ditOnnx(config, images, locateIn(layout, 'dit.safetensors')));
      const session = await peer!.InferenceSession.create(path, onnxOptions(1));
      const theirs = await runTwin(session, ditFeeds(peer!, config, images));
      await session.release();
      using device = openDevice({ threads: 1 });
      const ours = await openDit(device, weights, config, { images, precision: 'f32' });
      await ours.run();
      const values = await ours.read('prediction');
      expect(values.some((value) => Math.abs(value) > 0.1)).toBe(true);
      expect(maxDifference(values, theirs)).toBeLessThan(1e-4);
    },
  );

  const kl = parseKlVaeConfig({
    block_out_channels: [32, 64],
    down_block_types: Array(2).fill('DownEncoderBlock2D'),
    up_block_types: Array(2).fill('UpDecoderBlock2D'),
    norm_num_groups: 8,
  });
  const widths = [32, 32];
  const tiny = parseTinyVaeConfig({
    encoder_block_out_channels: widths,
    decoder_block_out_channels: widths,
    num_encoder_blocks: [1, 1],
    num_decoder_blocks: [2, 1],
  });
  const side = 6;
  const size = { height: side, width: side };
  it.each([
    ['kl-vae', klVaeDecoder(kl, size), klVaeDecoderOnnx.bind(null, kl, side)],
    ['tiny-vae', tinyVaeDecoder(tiny, size), tinyVaeDecoderOnnx.bind(null, tiny, side)],
  ] as const)('gives the picture of the decoder of %s', async (name, graph, twin) => {
    const weights = join(folder, `${name}.safetensors`);
    const onnx = join(folder, `${name}.onnx`);
    const layout = writeRandomWeights(weights, graph);
    writeFileSync(onnx, twin(locateIn(layout, `${name}.safetensors`)));
    const decoder = { graph, weights, onnx, latents: [4, side, side] } as const;
    const session = await peer!.InferenceSession.create(onnx, onnxOptions(1));
    const latents = new peer!.Tensor('float32', decoderLatents(decoder), [1, 4, side, side]);
    const { pictures } = await session.run({ latents });
    await session.release();
    using device = openDevice({ threads: 1 });
    const ours = await openPictureDecoder(device, decoder, 'f32');
    await ours.run();
    const pixels = await ours.read('pictures');
    ours.dispose();
    expect(pixels.some((value) => Math.abs(value) > 0.1)).toBe(true);
    expect(maxDifference(transposed(pixels, pixels.length / 3, 3), pictures.data)).toBeLessThan(
      1e-4,
    );
  });
});

it('finds differences, and none between values that are not finite', () => {
  expect(maxDifference(Float32Array.of(1, 2), Float32Array.of(1, 2.5))).toBe(0.5);
  const infinite = Number.POSITIVE_INFINITY;
  expect(maxDifference(Float32Array.of(Number.NaN), Float32Array.of(1))).toBe(infinite);
  expect(maxDifference(Float32Array.of(1), Float32Array.of(1, 2))).toBe(infinite);
});
