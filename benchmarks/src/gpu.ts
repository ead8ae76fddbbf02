import { readFileSync } from 'node:fs';
import { attention, graph, linear } from '@tubelet/graph';
import { compile, type Device, openDevice, weightsOf } from '@tubelet/runtime';
import { type BoundPlan, bindPlan } from './bound-plan.js';
import { ditFiles } from './dit-files.js';
import { openDit } from './dit-run.js';
import type { Options } from './options.js';
import { randomTensor } from './random-weights.js';
import type { Measured, Row } from './report.js';
import { interleave } from './rounds.js';
import { openPictureDecoder, pictureDecoder } from './vae-files.js';

const precision = 'bf16';
const heads = 16;

/** Tokens, columns and outputs: DiT-XL/2 at 256 pixels, one image and 32, and Wan 1.3B. */
const linears = [
  [256, 1152, 3456],
  [256, 1152, 1152],
  [256, 1152, 4608],
  [256, 4608, 1152],
  [8192, 1152, 4608],
  [32760, 1536, 8960],
] as const;

/** By the names that torch/peer.py gives the same work. */
const works: Readonly<Record<string, (device: Device) => Promise<BoundPlan>>> = {
  ...Object.fromEntries(
    [1, 2, 32].map((images) => [
      `DiT-XL/2 256 b${images}`,
      (device: Device) => {
        const { weights, config } = ditFiles('DiT-XL/2', { images, pixels: 256 });
        return openDit(device, weights, config, { images, precision });
      },
    ]),
  ),
  ...Object.fromEntries(
    [64, 72, 128].flatMap((headDim) =>
      [256, 1024, 4096, 16384].map((tokens) => [
        `attention ${headDim}, ${tokens} tokens`,
        (device: Device) => openAttention(device, tokens, headDim),
      ]),
    ),
  ),
  ...Object.fromEntries(
    linears.map(([tokens, columns, outputs]) => [
      `linear ${tokens} x ${columns} to ${outputs}`,
      (device: Device) => openLinear(device, tokens, columns, outputs),
    ]),
  ),
  'SD decoder 512': (device) => openPictureDecoder(device, pictureDecoder('sd', 64), precision),
};

/**
 * DiT-XL/2, linear layers, attention of 16 heads and the decoder of Stable Diffusion on a GPU, in bfloat16, each as one plan whose runs are
 * repeated. Times are the host's clock around a run and its wait. The first word names the file that torch/peer.py wrote.
 */
export async function benchGpu({ rounds, words }: Options): Promise<Measured> {
  const [peerPath] = words;
  const peers: Readonly<Record<string, number>> = peerPath
    ? JSON.parse(readFileSync(peerPath, 'utf8'))
    : {};
  const rows: Row[] = [];
  const notes: string[] = [];
  using device = openDevice({ kind: 'cuda' });
  for (const [work, open] of Object.entries(works)) {
    const bound = await open(device);
    const { milliseconds, note } = await interleave(work, [{ name: 'ours', run: bound.run }], {
      rounds,
      threads: 1,
    });
    const [oursMs] = milliseconds;
    const peerMs = peers[work] ?? null;
    rows.push({
      work,
      dtype: precision,
      oursMs,
      peer: peerMs === null ? null : 'PyTorch',
      peerMs,
      ratio: peerMs === null ? null : peerMs / oursMs,
      ceilingPercent: null,
      details: { 'TFLOP/s': bound.flops / oursMs / 1e9, 'arena MB': bound.plan.arenaBytes / 1e6 },
    });
    notes.push(note);
    bound.dispose();
  }
  return { isa: device.isa, threads: 1, rows, notes };
}

async function openAttention(device: Device, tokens: number, headDim: number) {
  const width = heads * headDim;
  const one = graph('attention', (g) => {
    const [q, k, v] = ['q', 'k', 'v'].map((name) => g.input(name, [tokens, width]));
    const segments = g.input('segments', [1, 4], 'i32');
    g.output('y', attention(q, k, v, segments, { heads, scale: 1 / Math.sqrt(headDim) }));
  });
  const plan = await compile(device, one, weightsOf({}), {}, { precision });
  const inputs = Object.fromEntries(
    ['q', 'k', 'v'].map((name) => [name, randomTensor(name, [tokens, width])]),
  );
  return bindPlan(device, plan, { ...inputs, segments: Int32Array.of(0, tokens, 0, tokens) });
}

async function openLinear(device: Device, tokens: number, columns: number, outputs: number) {
  const one = graph('linear', (g) => {
    const x = g.input('x', [tokens, columns]);
    g.output('y', linear(x, g.weight('weight', [outputs, columns])));
  });
  const shape = [outputs, columns];
  const weights = weightsOf({ weight: { shape, data: randomTensor('weight', shape) } });
  const plan = await compile(device, one, weights, {}, { precision });
  return bindPlan(device, plan, { x: randomTensor('x', [tokens, columns]) });
}
