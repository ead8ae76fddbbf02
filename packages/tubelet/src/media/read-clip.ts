import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TubeletError } from '../errors.js';
import { check } from './check.js';
import { type ImageSource, readImage } from './read-image.js';
import type { RgbImage } from './rgb-image.js';

/** A path or the bytes of a video or an animation, or its frames. */
export type ClipSource = string | Uint8Array | readonly ImageSource[];

/** Which frames of a clip of `total` are wanted, rising; one may come several times. */
export type ChooseFrames = (total: number) => readonly number[];

const execute = promisify(execFile);
const mostBytes = 2 ** 31 - 1;

/**
 * Reads some frames of a clip: of a GIF or WebP by sharp, of frames in memory as they are, of all else (mp4, webm, mov, …) by the
 * `ffmpeg` and `ffprobe` on PATH.
 *
 * @param choose which frames; they alone are kept in memory
 * @throws TubeletError BAD_INPUT for a clip that cannot be read, UNSUPPORTED for a video without ffmpeg, ABORTED
 */
export async function readClip(
  source: ClipSource,
  choose: ChooseFrames,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<readonly RgbImage[]> {
  if (Array.isArray(source)) {
    check(source.length > 0, 'readClip', 'frames', 'at least one', 0);
    const images = source as readonly ImageSource[];
    return Promise.all(choose(images.length).map((frame) => readImage(images[frame]!)));
  }
  const isFile = typeof source === 'string' || source instanceof Uint8Array;
  check(isFile, 'readClip', 'clip', 'a path, bytes or frames', typeof source);
  const bytes = typeof source === 'string' ? await readWhole(source) : (source as Uint8Array);
  const animation = await openAnimation(bytes);
  if (animation) return animationFrames(bytes, animation, choose);
  if (typeof source === 'string') return videoFrames(source, choose, signal);
  const folder = await mkdtemp(join(tmpdir(), 'tubelet-clip-'));
  try {
    const path = join(folder, 'clip');
    await writeFile(path, bytes);
    return await videoFrames(path, choose, signal);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function readWhole(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** Undefined for what sharp does not read: a video. */
async function openAnimation(bytes: Uint8Array) {
  const { default: sharp } = await import('sharp');
  try {
    const {
      pages = 1,
      width,
      height,
      pageHeight,
    } = await sharp(bytes, { animated: true }).metadata();
    return { pages, width, height: pageHeight ?? height };
  } catch {
    return undefined;
  }
}

async function animationFrames(
  bytes: Uint8Array,
  { pages, width, height }: { pages: number; width: number; height: number },
  choose: ChooseFrames,
): Promise<readonly RgbImage[]> {
  const { default: sharp } = await import('sharp');
  const data = await sharp(bytes, { animated: true, limitInputPixels: false })
    .flatten({ background: 'white' })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer();
  const size = width * height * 3;
  return choose(pages).map((frame) => ({
    data: new Uint8Array(data.subarray(frame * size, (frame + 1) * size)),
    width,
    height,
  }));
}

async function videoFrames(
  path: string,
  choose: ChooseFrames,
  signal: AbortSignal | undefined,
): Promise<readonly RgbImage[]> {
  // biome-ignore format: one option a line
  const counting = [
    '-v', 'error', '-select_streams', 'v:0', '-count_packets',
    '-show_entries', 'stream=nb_read_packets', '-of', 'csv=p=0', `file:${path}`,
  ];
  const { stdout } = await run('ffprobe', counting, path, signal);
  const total = Number.parseInt(stdout.toString('latin1'), 10);
  if (!(total > 0)) throw unreadable(path, new Error('it has no frames'));
  const wanted = choose(total);
  const frames = [...new Set(wanted)];
  // biome-ignore format: one option a line
  const reading = [
    '-v', 'error', '-i', `file:${path}`, '-map', '0:v:0', '-fps_mode', 'passthrough',
    '-vf', `select='${frames.map((frame) => `eq(n,${frame})`).join('+')}'`,
    '-f', 'image2pipe', '-c:v', 'ppm', '-pix_fmt', 'rgb24', 'pipe:1',
  ];
  const images = portablePixmaps((await run('ffmpeg', reading, path, signal)).stdout);
  // The last packets of some streams give no frame.
  if (images.length === 0) throw unreadable(path, new Error('no frame could be decoded'));
  return wanted.map((frame) => images[Math.min(frames.indexOf(frame), images.length - 1)]!);
}

async function run(
  program: 'ffmpeg' | 'ffprobe',
  options: readonly string[],
  path: string,
  signal: AbortSignal | undefined,
): Promise<{ readonly stdout: Buffer }> {
  try {
    return await execute(program, options, { encoding: 'buffer', maxBuffer: mostBytes, signal });
  } catch (cause) {
    if (signal?.aborted) {
      const message = 'the call must be = finished, got aborted';
      throw new TubeletError('ABORTED', 'readClip', message, { cause: signal.reason });
    }
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') {
      const message = `a video must be = read by ${program} on PATH, got none that starts (GIF, WebP and frames need none)`;
      throw new TubeletError('UNSUPPORTED', 'readClip', message, { cause });
    }
    throw unreadable(path, cause);
  }
}

/** Binary PPM images one after another: `P6 width height 255` and the pixels. */
function portablePixmaps(stream: Buffer): RgbImage[] {
  const images: RgbImage[] = [];
  for (let at = 0; at < stream.length; ) {
    const header = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(stream.toString('latin1', at, at + 64));
    if (!header) break;
    const [width, height] = [Number(header[1]), Number(header[2])];
    const start = at + header[0].length;
    at = start + width * height * 3;
    if (at <= stream.length)
      images.push({ data: new Uint8Array(stream.subarray(start, at)), width, height });
  }
  return images;
}

function unreadable(path: string, cause: unknown): TubeletError {
  const { stderr, message } = cause as { stderr?: Buffer; message?: string };
  const reason = stderr?.toString().trim().split('\n')[0] || message;
  return new TubeletError(
    'BAD_INPUT',
    'readClip',
    `clip must be = a readable video or animation, got ${path}: ${reason}`,
    { cause },
  );
}
