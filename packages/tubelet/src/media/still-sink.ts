import sharp from 'sharp';
import { TubeletError } from '../errors.js';
import { check } from './check.js';
import type { FrameSink, SinkConfig } from './frame-sink.js';

const defaultJpegQuality = 95;
const maxJpegSide = 65500;

/**
 * Columns of a sheet whose picture is as near to a square as whole rows allow: the fewest for which it is at least as wide
 * as high.
 */
export function sheetColumns(count: number, width: number, height: number): number {
  let columns = 1;
  while (columns < count && columns * width < Math.ceil(count / columns) * height) columns++;
  return columns;
}

/**
 * A png: one frame is a plain picture; several are a sheet, row by row from the top left, without gaps, cells behind the last
 * frame transparent. It has no quality.
 */
export function createPngSink(config: SinkConfig): FrameSink {
  check(
    config.quality === undefined,
    'png',
    'quality',
    'absent (a png is lossless)',
    config.quality,
  );
  const frames: Uint8Array[] = [];
  return {
    async add(rgb) {
      frames.push(rgb);
    },
    async finish() {
      const { data, width, height, channels } = sheet(frames, config);
      const picture = sharp(data, { raw: { width, height, channels }, limitInputPixels: false });
      return [await picture.png({ compressionLevel: 9 }).toBuffer()];
    },
    close() {
      frames.length = 0;
    },
  };
}

function sheet(frames: readonly Uint8Array[], { width, height }: SinkConfig) {
  const columns = sheetColumns(frames.length, width, height);
  const rows = Math.ceil(frames.length / columns);
  const channels = frames.length === columns * rows ? 3 : 4;
  const rowBytes = columns * width * channels;
  const data = new Uint8Array(rowBytes * rows * height);
  frames.forEach((rgb, cell) => {
    const corner =
      Math.floor(cell / columns) * height * rowBytes + (cell % columns) * width * channels;
    for (let y = 0; y < height; y++) {
      const row = rgb.subarray(y * width * 3, (y + 1) * width * 3);
      if (channels === 3) {
        data.set(row, corner + y * rowBytes);
        continue;
      }
      for (let x = 0; x < width; x++) {
        const to = corner + y * rowBytes + x * 4;
        data.set(row.subarray(x * 3, x * 3 + 3), to);
        data[to + 3] = 255;
      }
    }
  });
  return { data, width: columns * width, height: rows * height, channels } as const;
}

/** A jpg: one frame, 4:4:4; quality 95 unless given. */
export function createJpgSink({ width, height, quality }: SinkConfig): FrameSink {
  if (Math.max(width, height) > maxJpegSide) {
    const message = `each side must be = at most ${maxJpegSide}, got ${width}x${height}`;
    throw new TubeletError('UNSUPPORTED', 'jpg', message);
  }
  let frame: Uint8Array | undefined;
  return {
    async add(rgb) {
      check(frame === undefined, 'jpg', 'frames', '1 (use .png for a sheet)', 'another');
      frame = rgb;
    },
    async finish() {
      const options = { quality: quality ?? defaultJpegQuality, chromaSubsampling: '4:4:4' };
      const picture = sharp(frame!, {
        raw: { width, height, channels: 3 },
        limitInputPixels: false,
      });
      return [await picture.jpeg(options).toBuffer()];
    },
    close() {
      frame = undefined;
    },
  };
}
