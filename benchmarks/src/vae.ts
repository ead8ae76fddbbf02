import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { modelDirectory } from '@tubelet/model-sprites';
import { type Chunk, parseWanVaeConfig, vaeFactors, wanVaeDecoder } from '@tubelet/models';
import { compile, type Device, openDevice, openWeights, type Precision } from '@tubelet/runtime';
import { type BoundPlan, bindPlan } from './bound-plan.js';
import { type Ceiling, ceilingNote, ceilingPercent, measureCeiling } from './ceiling.js';
import { maxDifference } from './dit-run.js';
import type { Options } from './options.js';
import { loadOnnxRuntime, type OnnxRuntime, onnxOptions, peerAdvice, peerName } from './peer.js';
import { randomTensor } from './random-weights.js';
import { type Measured, ownRow, type Row } from './report.js';
import { type Contestant, interleave } from './rounds.js';
import {
  decoderLatents,
  openPictureDecoder,
  type PictureDecoder,
  type PictureDecoderName,
  pictureDecoder,
  pictureDecoders,
  transposed,
} from './vae-files.js';

/** A plan of the decoder that ships, for one latent frame of `pixels` x `pixels`. */
export async function openDecoder(
  device: Device,
  chunk: Chunk,
  { pixels, precision }: { readonly pixels: number; readonly precision: Precision },
): Promise<BoundPlan & { readonly frames: number }> {
  const folder = join(modelDirectory, 'vae');
  const config = parseWanVaeConfig(JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')));
  const { space, time } = vaeFactors(config);
  const side = pixels / space;
  const graph = wanVaeDecoder(config, { chunk, height: side, width: side });
  const plan = await compile(device, graph, await openWeights(folder), {}, { precision });
  const latents = randomTensor('latents', [1, side, side, config.latentChannels]);
  const bound = await bindPlan(device, plan, { latents });
  return { ...bound, frames: chunk === 'first' ? 1 : time };
}

/** Where both have long runs, more rounds say little more. */
const mostRounds = 7;

/** Decoders of pictures beside onnxruntime on the twin with the same weights, and the video decoder that ships. */
export async function benchVae(options: Options): Promise<Measured> {
  const { threads, words } = options;
  const ceiling = measureCeiling(threads);
  const peer = loadOnnxRuntime();
  const notes = [ceilingNote, ...(peer ? [] : [peerAdvice])];
  const rows: Row[] = [];
  using device = openDevice({ threads });
  for (const name of wanted(words[0])) {
    const part =
      name === 'sprites'
        ? await shippedRows(device, ceiling, options)
        : await pictureRows(device, name, { ceiling, peer, options });
    rows.push(...part.rows);
    notes.push(...part.notes);
  }
  return { isa: device.isa, threads, rows, notes };
}

type Part = Pick<Measured, 'rows' | 'notes'>;

const parts = [...pictureDecoders, 'sprites'] as const;

function wanted(word: string | undefined): readonly (typeof parts)[number][] {
  if (word === undefined) return parts;
  const found = parts.find((part) => part === word);
  if (found) return [found];
  throw new Error(`vae: the decoder must be = ${parts.join(', ')}, got ${word}`);
}

interface Beside {
  readonly ceiling: Ceiling;
  readonly peer: OnnxRuntime | undefined;
  readonly options: Options;
}

/** Ours in every precision and the twin, in turns. */
async function pictureRows(
  device: Device,
  name: PictureDecoderName,
  { ceiling, peer, options: { threads, rounds, precisions } }: Beside,
): Promise<Part> {
  const decoder = pictureDecoder(name);
  const ours: BoundPlan[] = [];
  for (const precision of precisions)
    ours.push(await openPictureDecoder(device, decoder, precision));
  const twin = peer && (await openTwin(peer, decoder, threads));
  const expected = twin && (await twin.decode());
  const differences: number[] = [];
  for (const bound of ours) {
    await bound.run();
    const pixels = await bound.read('pictures');
    const planes = transposed(pixels, pixels.length / 3, 3);
    differences.push(expected ? maxDifference(planes, expected) : Number.NaN);
  }
  const contestants: Contestant[] = ours.map(({ run }, i) => ({ name: precisions[i], run }));
  if (twin) contestants.push({ name: 'peer', run: twin.decode });
  const { milliseconds, note } = await interleave(`${name} decoder`, contestants, {
    rounds: Math.min(rounds, mostRounds),
    threads,
  });
  const peerMs = twin ? milliseconds[ours.length] : null;
  const rows = ours.map(({ flops, plan }, i): Row => {
    const [oursMs, dtype] = [milliseconds[i], precisions[i]];
    return {
      work: `${name} decoder 256x256`,
      dtype,
      oursMs,
      peer: peer ? `${peerName} f32` : null,
      peerMs,
      ratio: peerMs === null ? null : peerMs / oursMs,
      ceilingPercent: ceilingPercent(ceiling, { flops, milliseconds: oursMs, dtype }),
      details: {
        'GFLOP/s': flops / oursMs / 1e6,
        'arena MB': plan.arenaBytes / 1e6,
        ...(twin && { 'max difference': differences[i] }),
      },
    };
  });
  for (const bound of ours) bound.dispose();
  await twin?.release();
  return { rows, notes: [note] };
}

async function openTwin(
  { InferenceSession, Tensor }: OnnxRuntime,
  decoder: PictureDecoder,
  threads: number,
) {
  const session = await InferenceSession.create(decoder.onnx, onnxOptions(threads));
  const latents = new Tensor('float32', decoderLatents(decoder), [1, ...decoder.latents]);
  return {
    decode: async () => (await session.run({ latents })).pictures.data,
    release: () => session.release(),
  };
}

/** The decoder that ships: its first frame, and the frames of every further latent frame. */
async function shippedRows(
  device: Device,
  ceiling: Ceiling,
  { threads, rounds, precisions }: Options,
): Promise<Part> {
  const rows: Row[] = [];
  const notes: string[] = [];
  for (const precision of precisions) {
    for (const pixels of [64, 256]) {
      for (const chunk of ['first', 'steady'] as const) {
        const decoder = await openDecoder(device, chunk, { pixels, precision });
        const { flops, frames, plan } = decoder;
        const work = `decode ${chunk} chunk, ${frames} of ${pixels}x${pixels}`;
        const contestants = [{ name: 'ours', run: decoder.run }];
        const { milliseconds, note } = await interleave(`${work} ${precision}`, contestants, {
          rounds,
          threads,
        });
        const details = {
          'GFLOP/s': flops / milliseconds[0] / 1e6,
          'ms a frame': milliseconds[0] / frames,
          'arena MB': plan.arenaBytes / 1e6,
        };
        const dtype = precision;
        const percent = ceilingPercent(ceiling, { flops, milliseconds: milliseconds[0], dtype });
        rows.push(ownRow(work, precision, milliseconds[0], { ceilingPercent: percent, details }));
        notes.push(note);
        decoder.dispose();
      }
    }
  }
  return { rows, notes };
}
