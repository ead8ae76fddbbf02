import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { frameDelays } from '../../src/media/animation-sink.js';
import { writeVideo } from '../../src/media/video-writer.js';
import { flat, testFolder, walkingBlock } from './clips.js';

const files = testFolder();

async function pixels(path: string): Promise<Buffer> {
  return sharp(await readFile(path), { animated: true })
    .removeAlpha()
    .raw()
    .toBuffer();
}

describe('frameDelays', () => {
  it.each([
    [16, 10, 17],
    [16, 1, 81],
    [24, 10, 121],
    [29.97, 1, 300],
  ])('at %d fps, in steps of %d ms, over %d frames, keeps the clock', (fps, tick, count) => {
    const delays = frameDelays(count, fps, tick);
    const total = delays.reduce((sum, delay) => sum + delay, 0);
    expect(delays.every((delay) => delay % tick === 0)).toBe(true);
    expect(Math.abs(total - (count * 1000) / fps)).toBeLessThanOrEqual(tick / 2);
    expect(Math.max(...delays) - Math.min(...delays)).toBeLessThanOrEqual(tick);
  });
});

describe.each(['gif', 'webp'])('%s', (extension) => {
  const path = (): string => files.path(`clip.${extension}`);

  it('has every frame, its delays, and loops for ever', async () => {
    await writeVideo(path(), { frames: walkingBlock(9, 20, 14), width: 20, height: 14, fps: 16 });
    const { width, pageHeight, pages, loop, delay } = await sharp(await readFile(path()), {
      animated: true,
    }).metadata();
    expect({ width, pageHeight, pages, loop }).toEqual({
      width: 20,
      pageHeight: 14,
      pages: 9,
      loop: 0,
    });
    expect(delay).toEqual(frameDelays(9, 16, extension === 'gif' ? 10 : 1));
  });

  it('keeps colours of pixel art', async () => {
    const frames = walkingBlock(3, 20, 14);
    await writeVideo(path(), { frames, width: 20, height: 14, fps: 16 });
    expect((await pixels(path())).equals(Buffer.concat(frames))).toBe(true);
  });

  it('shows frames that repeat for their whole time', async () => {
    const frame = flat(8, 8, [200, 100, 50]);
    await writeVideo(path(), {
      frames: [frame, frame, frame, frame],
      width: 8,
      height: 8,
      fps: 10,
    });
    const { pages = 1, delay = [] } = await sharp(await readFile(path()), {
      animated: true,
    }).metadata();
    // A WebP of equal frames becomes a still.
    expect(pages === 1 || delay.reduce((sum, time) => sum + time, 0) === 400).toBe(true);
  });

  it('of one frame is a still', async () => {
    const frame = walkingBlock(1, 8, 8);
    await writeVideo(path(), { frames: frame, width: 8, height: 8 });
    expect((await pixels(path())).equals(Buffer.from(frame[0]!))).toBe(true);
  });

  it('is the same bytes for the same frames', async () => {
    const video = { frames: walkingBlock(5, 32, 32), width: 32, height: 32 };
    await writeVideo(path(), video, { scale: 2 });
    const first = await readFile(path());
    await writeVideo(path(), video, { scale: 2 });
    expect(await readFile(path())).toEqual(first);
  });
});

describe('options', () => {
  const video = { frames: walkingBlock(2, 8, 8), width: 8, height: 8 };

  it('a gif refuses more frames a second than browsers show, and a quality', async () => {
    const path = files.path('refused.gif');
    await expect(writeVideo(path, { ...video, fps: 60 })).rejects.toThrow(
      '[gif] fps must be = at most 50, got 60',
    );
    await expect(writeVideo(path, video, { quality: 80 })).rejects.toThrow(
      /\[gif\] quality must be/,
    );
  });

  it('a webp with a quality is lossy', async () => {
    const large = { frames: walkingBlock(2, 128, 128), width: 128, height: 128 };
    await writeVideo(files.path('lossy.webp'), large, { quality: 50 });
    expect((await readFile(files.path('lossy.webp'))).includes('VP8 ')).toBe(true);
    await writeVideo(files.path('lossless.webp'), large);
    expect((await readFile(files.path('lossless.webp'))).includes('VP8L')).toBe(true);
  });

  it('a webp refuses a side beyond its format', async () => {
    const wide = { frames: [flat(4096, 1, [0, 0, 0])], width: 4096, height: 1 };
    await expect(writeVideo(files.path('wide.webp'), wide, { scale: 4 })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
    });
  });
});
