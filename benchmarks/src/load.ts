import { openDevice } from '@tubelet/runtime';
import { askChild } from './child.js';
import { ditFiles } from './dit-files.js';
import type { Options } from './options.js';
import { loadOnnxRuntime, peerAdvice, peerName } from './peer.js';
import type { Measured, Row } from './report.js';
import { median } from './statistics.js';

/** What a fresh process reports. */
export interface LoadTimes {
  /** The runtime's code and native library. */
  readonly importMs: number;
  /** From the file to a plan or session that can run. */
  readonly loadMs: number;
  /** With making its inputs. */
  readonly firstRunMs: number;
  /** Most memory resident until it could run, mapped files included. */
  readonly loadedMegabytes: number;
  /** After the first run. */
  readonly peakMegabytes: number;
}

/** Loading and compiling a DiT in fresh processes, in turns with onnxruntime; the files are in the page cache. */
export async function benchLoad(options: Options): Promise<Measured> {
  const { threads, models, precisions } = options;
  const [images] = options.images;
  const [pixels] = options.pixels;
  const rounds = Math.min(options.rounds, 5);
  const hasPeer = loadOnnxRuntime() !== undefined;
  const notes = [
    `medians of ${rounds} fresh processes each; the time of importing the runtime is its own column; memory counts mapped files`,
    ...(hasPeer ? [] : [peerAdvice]),
  ];
  const rows: Row[] = [];
  using device = openDevice({ threads });
  for (const model of models) {
    const files = ditFiles(model, { images, pixels });
    for (const precision of precisions) {
      const ours: LoadTimes[] = [];
      const theirs: LoadTimes[] = [];
      for (let i = 0; i < rounds; i++) {
        const question = { ...files, threads, images, precision };
        ours.push(await askChild<LoadTimes>('load-ours', question));
        if (hasPeer) theirs.push(await askChild<LoadTimes>('load-peer', question));
      }
      const middle = (times: readonly LoadTimes[], key: keyof LoadTimes) =>
        median(times.map((time) => time[key]));
      const oursMs = middle(ours, 'loadMs');
      const peerMs = hasPeer ? middle(theirs, 'loadMs') : null;
      const columns = (who: string, times: readonly LoadTimes[]) => ({
        [`${who} import ms`]: middle(times, 'importMs'),
        [`${who} first run ms`]: middle(times, 'firstRunMs'),
        [`${who} MB loaded`]: middle(times, 'loadedMegabytes'),
        [`${who} MB at most`]: middle(times, 'peakMegabytes'),
      });
      rows.push({
        work: `load ${model}`,
        dtype: precision,
        oursMs,
        peer: hasPeer ? `${peerName} f32` : null,
        peerMs,
        ratio: peerMs === null ? null : peerMs / oursMs,
        ceilingPercent: null,
        details: { ...columns('ours', ours), ...(hasPeer && columns('peer', theirs)) },
      });
    }
  }
  return { isa: device.isa, threads, rows, notes };
}
