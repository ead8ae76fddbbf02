import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { TubeletError } from '../errors.js';
import {
  encoderError,
  type H264Config,
  type H264Encoder,
  type H264Sample,
  type H264Stream,
  keyframeInterval,
} from './h264.js';
import { nalType, nalTypeOf, splitAnnexB } from './nal-units.js';

/**
 * libx264 of the `ffmpeg` on PATH, frames and stream by pipes. The bytes depend on its version and on the machine's cores.
 *
 * @throws TubeletError UNSUPPORTED when there is no ffmpeg; its own complaint on a later call when it lacks libx264
 */
export async function createFfmpegEncoder(config: H264Config): Promise<H264Encoder> {
  const { width, height, fps, quantizer } = config;
  // biome-ignore format: one option a line
  const options = [
    '-hide_banner', '-nostats', '-loglevel', 'error',
    '-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-s', `${width}x${height}`, '-r', `${fps}`,
    '-i', 'pipe:0',
    '-c:v', 'libx264', '-crf', `${quantizer}`, '-bf', '0', '-g', `${keyframeInterval(fps)}`,
    '-flags', '+bitexact', '-f', 'h264', 'pipe:1',
  ];
  const ffmpeg = spawn('ffmpeg', options, { stdio: 'pipe' });
  try {
    await once(ffmpeg, 'spawn');
  } catch (cause) {
    const message = "codec 'ffmpeg' must be = an ffmpeg on PATH, got none that starts";
    throw new TubeletError('UNSUPPORTED', 'mp4', message, { cause });
  }

  const stream: Buffer[] = [];
  let complaint = '';
  ffmpeg.stdout.on('data', (chunk: Buffer) => stream.push(chunk));
  ffmpeg.stderr.setEncoding('utf8').on('data', (lines: string) => {
    complaint = (complaint + lines).slice(-2000);
  });
  // A broken pipe means that ffmpeg ended, and its exit says why.
  ffmpeg.stdin.on('error', () => undefined);
  const ended = once(ffmpeg, 'close').then(([code, signal]: unknown[]) => {
    if (code !== 0)
      throw encoderError('ffmpeg', complaint.trim().split('\n')[0] || `exit ${code ?? signal}`);
  });
  ended.catch(() => undefined);

  return {
    async encode(i420) {
      const written = new Promise<void>((resolve, reject) => {
        ffmpeg.stdin.write(i420, (error) => (error ? reject(error) : resolve()));
      });
      await written.catch(async (error: unknown) => {
        await ended;
        throw encoderError('ffmpeg', error);
      });
    },
    async finish() {
      ffmpeg.stdin.end();
      await ended;
      return streamOf(splitAnnexB(Buffer.concat(stream)));
    },
    close() {
      ffmpeg.kill('SIGKILL');
    },
  };
}

// Everything but the slices and the first parameter sets is left out: the text in which x264 names its version, above all.
function streamOf(units: readonly Uint8Array[]): H264Stream {
  const sps = units.find((unit) => nalTypeOf(unit) === nalType.sps);
  const pps = units.find((unit) => nalTypeOf(unit) === nalType.pps);
  if (sps === undefined || pps === undefined) {
    throw encoderError('ffmpeg', 'it returned no parameter sets');
  }
  const frames: Uint8Array[][] = [];
  for (const unit of units) {
    const type = nalTypeOf(unit);
    if (type !== nalType.slice && type !== nalType.keySlice) continue;
    // first_mb_in_slice = 0 is one set bit.
    const startsFrame = (unit[1]! & 0x80) !== 0;
    if (startsFrame) frames.push([]);
    frames.at(-1)?.push(unit);
  }
  return { sps, pps, samples: frames.map(sampleOf) };
}

function sampleOf(slices: readonly Uint8Array[]): H264Sample {
  const parts = slices.flatMap((slice) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(slice.length);
    return [length, slice];
  });
  return {
    data: Buffer.concat(parts),
    isKeyframe: nalTypeOf(slices[0]!) === nalType.keySlice,
  };
}
