import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { sheetColumns } from '../../src/media/still-sink.js';
import { writeVideo } from '../../src/media/video-writer.js';
import { flat, noise, testFolder, walkingBlock } from './clips.js';

const files = testFolder();

describe('png', () => {
  it('of one frame is that frame', async () => {
    const frame = noise(13, 7);
    await writeVideo(files.path('still.png'), { frames: [frame], width: 13, height: 7 });
    const { data, info } = await sharp(await readFile(files.path('still.png')))
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect([info.width, info.height, info.channels]).toEqual([13, 7, 3]);
    expect(data.equals(Buffer.from(frame))).toBe(true);
  });

  it('of several is a sheet, row by row, empty cells transparent', async () => {
    const colours = [10, 60, 110, 160, 210].map((red) => [red, 255 - red, 7]);
    const frames = colours.map((colour) => flat(3, 2, colour));
    await writeVideo(files.path('sheet.png'), { frames, width: 3, height: 2 }, { scale: 2 });
    const { data, info } = await sharp(await readFile(files.path('sheet.png')))
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect([info.width, info.height, info.channels]).toEqual([12, 12, 4]);
    const cell = (column: number, row: number): number[] => [
      ...data.subarray(((row * 4 + 3) * 12 + column * 6 + 5) * 4).subarray(0, 4),
    ];
    const cells = [0, 1, 2].flatMap((row) => [cell(0, row), cell(1, row)]);
    expect(cells).toEqual([...colours.map((colour) => [...colour, 255]), [0, 0, 0, 0]]);
  });

  it('of frames that fill the sheet has no alpha', async () => {
    await writeVideo(files.path('full.png'), {
      frames: walkingBlock(4, 8, 8),
      width: 8,
      height: 8,
    });
    const { width, height, channels } = await sharp(
      await readFile(files.path('full.png')),
    ).metadata();
    expect({ width, height, channels }).toEqual({ width: 16, height: 16, channels: 3 });
  });

  it.each([
    [1, 64, 64, 1],
    [2, 64, 64, 2],
    [4, 64, 64, 2],
    [17, 64, 64, 5],
    [17, 96, 64, 4],
    [17, 64, 96, 6],
    [3, 10, 1000, 3],
    [3, 1000, 10, 1],
  ])('of %d frames of %dx%d has %d columns', (count, width, height, columns) => {
    expect(sheetColumns(count, width, height)).toBe(columns);
  });

  it('refuses a quality', async () => {
    const video = { frames: walkingBlock(1, 8, 8), width: 8, height: 8 };
    await expect(writeVideo(files.path('q.png'), video, { quality: 80 })).rejects.toThrow(
      /\[png\] quality/,
    );
  });
});

describe('jpg', () => {
  it('holds one frame', async () => {
    await writeVideo(files.path('still.jpeg'), {
      frames: [flat(8, 8, [200, 30, 60])],
      width: 8,
      height: 8,
    });
    const data = await sharp(await readFile(files.path('still.jpeg')))
      .raw()
      .toBuffer();
    expect([...data].every((value, at) => Math.abs(value - [200, 30, 60][at % 3]!) <= 2)).toBe(
      true,
    );
  });

  it('refuses a second', async () => {
    const video = { frames: walkingBlock(2, 8, 8), width: 8, height: 8 };
    await expect(writeVideo(files.path('two.jpg'), video)).rejects.toThrow(
      '[jpg] frames must be = 1 (use .png for a sheet), got another',
    );
  });
});
