import { execFileSync, spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { Mp4Codec } from '../../src/media/mp4-sink.js';
import { writeVideo } from '../../src/media/video-writer.js';
import { flat, noise, testFolder, walkingBlock } from './clips.js';

const files = testFolder();
const reason =
  spawnSync('ffprobe', ['-version']).status === 0 ? undefined : 'no ffmpeg and ffprobe on PATH';

function probe(path: string): Record<string, unknown> {
  const options = ['-v', 'error', '-show_streams', '-of', 'json', path];
  return JSON.parse(execFileSync('ffprobe', options, { encoding: 'utf8' })).streams[0];
}

function decode(path: string): Buffer {
  const toRgb = [
    '-vf',
    'scale=in_color_matrix=bt709:in_range=tv:flags=accurate_rnd+full_chroma_int',
  ];
  const out = ['-f', 'rawvideo', '-pix_fmt', 'rgb24', '-'];
  // Without -xerror a damaged stream would decode with a guess.
  return execFileSync('ffmpeg', ['-v', 'error', '-xerror', '-i', path, ...toRgb, ...out], {
    maxBuffer: 2 ** 28,
  });
}

function meanError(got: Uint8Array, expected: Uint8Array): number {
  return got.reduce((sum, value, at) => sum + Math.abs(value - expected[at]!), 0) / got.length;
}

// Without ffmpeg nothing here can play a file; mp4.test.ts checks its boxes.
describe.skipIf(reason !== undefined)(
  `mp4 as ffmpeg plays it${reason ? ` (${reason})` : ''}`,
  () => {
    describe.each<Mp4Codec>(['wasm', 'ffmpeg'])('codec %s', (codec) => {
      it('has frames, size, rate and colour tags', async () => {
        const path = files.path(`${codec}.mp4`);
        const frames = walkingBlock(17, 64, 48);
        await writeVideo(path, { frames, width: 64, height: 48, fps: 12.5 }, { codec });
        expect(probe(path)).toMatchObject({
          codec_name: 'h264',
          pix_fmt: 'yuv420p',
          width: 64,
          height: 48,
          nb_frames: '17',
          avg_frame_rate: '25/2',
          duration: '1.360000',
          has_b_frames: 0,
          color_range: 'tv',
          color_space: 'bt709',
          color_transfer: 'bt709',
          color_primaries: 'bt709',
          chroma_location: 'center',
        });
      });

      it('has the same bytes twice', async () => {
        const video = { frames: walkingBlock(8, 64, 48), width: 64, height: 48 };
        const bytes: Buffer[] = [];
        for (let time = 0; time < 2; time++) {
          await writeVideo(files.path('twice.mp4'), video, { codec });
          bytes.push(await readFile(files.path('twice.mp4')));
        }
        expect(bytes[0]).toEqual(bytes[1]);
      });

      it.each([
        [255, 255, 255],
        [0, 0, 0],
        [255, 0, 0],
        [0, 255, 0],
        [0, 0, 255],
        [200, 30, 60],
        [90, 140, 20],
      ])('keeps the colour %d, %d, %d', async (...colour) => {
        const rgb = flat(32, 32, colour);
        await writeVideo(
          files.path('flat.mp4'),
          { frames: [rgb, rgb], width: 32, height: 32 },
          { codec },
        );
        expect(meanError(decode(files.path('flat.mp4')).subarray(0, rgb.length), rgb)).toBeLessThan(
          1.6,
        );
      });

      it('keeps enlarged pixel art clean, frame by frame', async () => {
        const frames = walkingBlock(12, 32, 32);
        const large = walkingBlock(12, 32, 32).map((rgb) => nearest4(rgb, 32, 32));
        await writeVideo(
          files.path('art.mp4'),
          { frames, width: 32, height: 32 },
          { codec, scale: 4 },
        );
        const decoded = decode(files.path('art.mp4'));
        const bytes = 128 * 128 * 3;
        expect(decoded.length).toBe(12 * bytes);
        large.forEach((rgb, frame) => {
          const got = decoded.subarray(frame * bytes, (frame + 1) * bytes);
          expect(meanError(got, rgb)).toBeLessThan(1.5);
        });
      });
    });

    it.each([
      [2, 2],
      [16, 16],
      [18, 34],
      [130, 6],
      [17, 33],
    ])('decodes %dx%d noise without errors', async (width, height) => {
      const frames = [1, 2, 3].map((seed) => noise(width, height, seed));
      await writeVideo(files.path('noise.mp4'), { frames, width, height }, { quality: 100 });
      const even = (side: number): number => side + (side % 2);
      expect(decode(files.path('noise.mp4')).length).toBe(3 * even(width) * even(height) * 3);
    });
  },
);

function nearest4(rgb: Uint8Array, width: number, height: number): Uint8Array {
  return Uint8Array.from({ length: rgb.length * 16 }, (_, at) => {
    const pixel = Math.floor(at / 3);
    const x = (pixel % (width * 4)) >> 2;
    const y = Math.floor(pixel / (width * 4)) >> 2;
    return y < height ? rgb[(y * width + x) * 3 + (at % 3)]! : 0;
  });
}
