import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { modelDirectory } from '@tubelet/model-sprites';
import { type Chunk, parseWanVaeConfig, vaeFactors, wanVaeDecoder } from '@tubelet/models';
import { compile, type Device, openDevice, openWeights, type Precision } from '@tubelet/runtime';
import { type BoundPlan, bindPlan } from './bound-plan.js';
import { ceilingNote, ceilingPercent, measureCeiling } from './ceiling.js';
import type { Options } from './options.js';
import { randomTensor } from './random-weights.js';
import { type Measured, ownRow, type Row } from './report.js';
import { interleave } from './rounds.js';

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

/** The decoder that ships: its first frame, and the frames of every further latent frame. */
export async function benchVae({ threads, rounds, precisions }: Options): Promise<Measured> {
  const ceiling = measureCeiling(threads);
  const rows: Row[] = [];
  const notes = [ceilingNote];
  using device = openDevice({ threads });
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
  return { isa: device.isa, threads, rows, notes };
}
