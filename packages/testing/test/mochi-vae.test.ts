import {
  cacheEntries,
  mochiFeatures,
  mochiVaeCheckpoint,
  mochiVaeDecoder,
  mochiVaeEncoder,
  parseMochiVaeConfig,
} from '@tubelet/models';
import { interpret, onAddon, type RunGraph, randomValues, randomWeights } from '@tubelet/testing';
import { describe, expect, test } from 'vitest';
import { absentAddon } from './model-case.js';

// There is no golden of this autoencoder: its parts are held to plain loops over the published structure.

const config = parseMochiVaeConfig({
  encoder_block_out_channels: [32, 64],
  decoder_block_out_channels: [32, 32],
  layers_per_block: [1, 1, 1],
  add_attention_block: [false, true, false],
  temporal_expansions: [3],
  spatial_expansions: [2],
  latent_channels: 2,
  latents_mean: [0, 0],
  latents_std: [1, 1],
});
const weights = randomWeights(mochiVaeCheckpoint(config).graphs);

/** [frame][row][column][channel] */
type Clip = number[][][][];

function clipOf(values: ArrayLike<number>, [F, H, W, C]: readonly number[]): Clip {
  let at = 0;
  const list = <T>(length: number, make: () => T) => Array.from({ length }, make);
  return list(F, () => list(H, () => list(W, () => list(C, () => values[at++]))));
}

const pixels = (x: Clip, change: (pixel: number[], f: number, h: number, w: number) => number[]) =>
  x.map((frame, f) => frame.map((row, h) => row.map((pixel, w) => change(pixel, f, h, w))));
const silu = (x: number) => x / (1 + Math.exp(-x));
const sum = (x: readonly number[]) => x.reduce((a, b) => a + b, 0);
const values = (name: string) => [...weights.get(name)!.values];

function linear(name: string, x: readonly number[], bias = true): number[] {
  const weight = values(`${name}.weight`);
  const n = weight.length / x.length;
  const added = bias ? values(`${name}.bias`) : Array(n).fill(0);
  return Array.from(
    { length: n },
    (_, o) => added[o] + sum(x.map((v, i) => v * weight[o * x.length + i])),
  );
}

/** Replicated edges; `front` frames before the first. */
function conv(
  name: string,
  x: Clip,
  kernel: readonly number[],
  stride: readonly number[],
  around: number,
): Clip {
  const { shape, values: weight } = weights.get(`${name}.conv.weight`)!;
  const bias = values(`${name}.conv.bias`);
  const sizes = [x.length, x[0].length, x[0][0].length];
  const pads = [kernel[0] - 1, around, around];
  const clamp = (i: number, size: number) => Math.min(Math.max(i, 0), size - 1);
  const out = sizes.map((size, axis) => {
    const total = size + pads[axis] + (axis > 0 ? pads[axis] : 0);
    return Math.floor((total - kernel[axis]) / stride[axis]) + 1;
  });
  const empty = clipOf(Array(out[0] * out[1] * out[2]).fill(0), [...out, 1]);
  return pixels(empty, (_, f, h, w) =>
    bias.map((start, o) => {
      let y = start;
      for (let i = 0; i < shape[1]; i++)
        for (let a = 0; a < kernel[0]; a++)
          for (let b = 0; b < kernel[1]; b++)
            for (let c = 0; c < kernel[2]; c++) {
              const from = [f * stride[0] + a, h * stride[1] + b, w * stride[2] + c].map(
                (at, axis) => clamp(at - pads[axis], sizes[axis]),
              );
              const tap = (((o * shape[1] + i) * kernel[0] + a) * kernel[1] + b) * kernel[2] + c;
              y += x[from[0]][from[1]][from[2]][i] * weight[tap];
            }
      return y;
    }),
  );
}

function norm(name: string, x: Clip): Clip {
  const [weight, bias] = [values(`${name}.norm_layer.weight`), values(`${name}.norm_layer.bias`)];
  const size = weight.length / 32;
  return x.map((frame) => {
    const stats = Array.from({ length: 32 }, (_, g) => {
      const all = frame.flat().flatMap((pixel) => pixel.slice(g * size, (g + 1) * size));
      const mean = sum(all) / all.length;
      return [mean, sum(all.map((v) => (v - mean) ** 2)) / all.length];
    });
    return frame.map((row) =>
      row.map((pixel) =>
        pixel.map((v, c) => {
          const [mean, variance] = stats[Math.floor(c / size)];
          return ((v - mean) / Math.sqrt(variance + 1e-5)) * weight[c] + bias[c];
        }),
      ),
    );
  });
}

const activated = (x: Clip) => pixels(x, (pixel) => pixel.map(silu));
const added = (x: Clip, y: Clip) =>
  pixels(x, (pixel, f, h, w) => pixel.map((v, c) => v + y[f][h][w][c]));

function resnet(name: string, x: Clip): Clip {
  const same = (name: string, x: Clip) => conv(name, x, [3, 3, 3], [1, 1, 1], 1);
  const h = same(`${name}.conv1`, activated(norm(`${name}.norm1`, x)));
  return added(x, same(`${name}.conv2`, activated(norm(`${name}.norm2`, h))));
}

/** Heads of 32, queries and keys of length 1, each place over its frames so far. */
function attend(block: string, x: Clip): Clip {
  const n = norm(`${block}.norms.0`, x);
  const at = (part: string, pixel: number[]) =>
    linear(`${block}.attentions.0.${part}`, pixel, false);
  const unit = (head: number[]) =>
    head.map((v) => v / Math.max(Math.sqrt(sum(head.map((u) => u * u))), 1e-5));
  const y = pixels(n, (pixel, f, h, w) => {
    const joined: number[] = [];
    for (let c = 0; c < pixel.length; c += 32) {
      const head = (part: string, pixel: number[]) => at(part, pixel).slice(c, c + 32);
      const q = unit(head('to_q', pixel));
      const past = n.slice(0, f + 1).map((frame) => frame[h][w]);
      const scores = past.map((p) =>
        Math.exp(sum(unit(head('to_k', p)).map((k, i) => k * q[i])) / Math.sqrt(32)),
      );
      const v = past.map((p) => head('to_v', p));
      for (let i = 0; i < 32; i++)
        joined.push(sum(v.map((row, k) => row[i] * scores[k])) / sum(scores));
    }
    return linear(`${block}.attentions.0.to_out.0`, joined);
  });
  return added(x, y);
}

const flat = (x: Clip) => x.flat(3);

function largestDifference(got: ArrayLike<number>, expected: readonly number[]): number {
  expect(got.length).toBe(expected.length);
  return Math.max(...expected.map((value, i) => Math.abs(value - got[i])));
}

const run = (
  by: RunGraph,
  graph: Parameters<RunGraph>[0],
  inputs: Record<string, ArrayLike<number>>,
) => by(graph, weights, inputs, {});

const frames = 5;
const pictures = randomValues('pictures', frames * 4 * 6 * 3);
const features = mochiFeatures(pictures, 3);
const encoder = mochiVaeEncoder(config, { frames, height: 4, width: 6, tile: true });
const size = { height: 2, width: 3 };
const latents = randomValues('latents', 3 * 2 * 3 * 2);
const decoder = mochiVaeDecoder(config, { chunk: 'first', frames: 3, ...size });

test('the encoder is what plain loops give', async () => {
  let x = clipOf(features, [frames, 4, 6, 15]);
  x = pixels(x, (pixel) => linear('encoder.proj_in', pixel));
  x = resnet('encoder.block_in.resnets.0', x);
  x = conv('encoder.down_blocks.0.conv_in', x, [3, 2, 2], [3, 2, 2], 0);
  x = attend('encoder.down_blocks.0', resnet('encoder.down_blocks.0.resnets.0', x));
  x = resnet('encoder.block_out.resnets.0', x);
  x = pixels(activated(norm('encoder.norm_out', x)), (pixel) =>
    linear('encoder.proj_out', pixel, false),
  );
  const outputs = await run(interpret, encoder, { features });
  const part = (start: number) => flat(pixels(x, (pixel) => pixel.slice(start, start + 2)));
  expect(largestDifference(outputs.get('mean')!, part(0))).toBeLessThan(1e-10);
  expect(largestDifference(outputs.get('logvar')!, part(2))).toBeLessThan(1e-10);
});

test('the decoder is what plain loops give', async () => {
  let x = clipOf(latents, [3, 2, 3, 2]);
  x = pixels(x, (pixel) => linear('decoder.conv_in', pixel));
  x = resnet('decoder.block_in.resnets.0', x);
  x = resnet('decoder.up_blocks.0.resnets.0', x);
  const cells = pixels(x, (pixel) => linear('decoder.up_blocks.0.proj', pixel));
  // Channels of a cell: (channel, frame, row, column).
  const channels = 32;
  const empty = clipOf(Array(9 * 4 * 6).fill(0), [9, 4, 6, 1]);
  x = pixels(empty, (_, f, h, w) => {
    const cell = cells[Math.floor(f / 3)][h >> 1][w >> 1];
    return Array.from(
      { length: channels },
      (_, c) => cell[((c * 3 + (f % 3)) * 2 + (h % 2)) * 2 + (w % 2)],
    );
  });
  x = activated(resnet('decoder.block_out.resnets.0', x));
  x = pixels(x, (pixel) => linear('decoder.proj_out', pixel));
  const outputs = await run(interpret, decoder, { latents });
  expect(largestDifference(outputs.get('frames')!, flat(x.slice(2)))).toBeLessThan(1e-10);
});

/** Latent frames one by one, the cache passed on. */
async function decodeInChunks(by: RunGraph): Promise<number[]> {
  const steady = mochiVaeDecoder(config, { chunk: 'steady', ...size });
  const first = mochiVaeDecoder(config, { chunk: 'first', ...size });
  expect(cacheEntries(steady).length).toBe(6);
  const inputs: Record<string, ArrayLike<number>> = {};
  const decoded: number[] = [];
  for (let frame = 0; frame < 3; frame++) {
    inputs.latents = latents.subarray(frame * 12, (frame + 1) * 12);
    const outputs = await run(by, frame === 0 ? first : steady, inputs);
    for (const [name, data] of outputs) {
      if (name === 'frames') decoded.push(...data);
      else inputs[name.replace('.next', '')] = data;
    }
  }
  return decoded;
}

test('chunks give what the whole clip gives', async () => {
  const whole = await run(interpret, decoder, { latents });
  const difference = largestDifference(await decodeInChunks(interpret), [...whole.get('frames')!]);
  expect(difference).toBeLessThan(1e-10);
});

// Without a built addon there is nothing to compare.
describe.skipIf(absentAddon)('the addon agrees with double precision', () => {
  test.each([
    ['encoder', encoder, { features }],
    ['decoder', decoder, { latents }],
  ])('%s', async (_name, graph, inputs) => {
    const [ours, reference] = [
      await run(onAddon, graph, inputs),
      await run(interpret, graph, inputs),
    ];
    for (const [name, expected] of reference) {
      const largest = Math.max(...expected.map(Math.abs));
      expect(largestDifference(ours.get(name)!, [...expected]) / largest, name).toBeLessThan(1e-5);
    }
  });

  test('in chunks', async () => {
    const whole = await run(onAddon, decoder, { latents });
    expect(
      largestDifference(await decodeInChunks(onAddon), [...whole.get('frames')!]),
    ).toBeLessThan(1e-5);
  });
});
