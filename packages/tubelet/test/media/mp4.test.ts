import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { mp4Box, mp4Boxes, mp4VideoEntry, readH264Track } from '../../src/media/mp4-read.js';
import { writeVideo } from '../../src/media/video-writer.js';
import { flat, testFolder, walkingBlock } from './clips.js';

const files = testFolder();

async function viewOf(path: string): Promise<DataView> {
  const bytes = await readFile(path);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

async function written(name: string, width: number, height: number, count = 5, fps = 16) {
  const frames = walkingBlock(count, width, height);
  await writeVideo(files.path(name), { frames, width, height, fps });
  return viewOf(files.path(name));
}

describe('mp4', () => {
  it('has its index before the samples, and a sample per frame', async () => {
    const file = await written('order.mp4', 64, 48);
    expect(mp4Boxes(file).map((box) => box.type)).toEqual(['ftyp', 'moov', 'mdat']);
    const { samples } = readH264Track(
      new Uint8Array(file.buffer, file.byteOffset, file.byteLength),
    );
    expect(samples.map((sample) => sample.isKeyframe)).toEqual([true, false, false, false, false]);
    const bytes = samples.reduce((sum, sample) => sum + sample.data.length, 0);
    expect(mp4Box(file, 'mdat').byteLength).toBe(bytes);
  });

  it('starts a new group of pictures every two seconds', async () => {
    const file = await written('keyframes.mp4', 16, 16, 9, 2);
    const stss = mp4Box(file, 'moov/trak/mdia/minf/stbl/stss');
    expect(stss.getUint32(4)).toBe(3);
    expect([8, 12, 16].map((at) => stss.getUint32(at))).toEqual([1, 5, 9]);
  });

  it.each([16, 12.5, 29.97, 24000 / 1001, 0.5])('plays at %d frames a second', async (fps) => {
    const file = await written('fps.mp4', 16, 16, 3, fps);
    const mdhd = mp4Box(file, 'moov/trak/mdia/mdhd');
    const stts = mp4Box(file, 'moov/trak/mdia/minf/stbl/stts');
    expect([stts.getUint32(4), stts.getUint32(8)]).toEqual([1, 3]);
    expect(mdhd.getUint32(12) / stts.getUint32(12)).toBeCloseTo(fps, 3);
    expect(mdhd.getUint32(16)).toBe(3 * stts.getUint32(12));
  });

  it('has no clock in it', async () => {
    const file = await written('clock.mp4', 16, 16, 1);
    for (const path of ['moov/mvhd', 'moov/trak/tkhd', 'moov/trak/mdia/mdhd']) {
      const header = mp4Box(file, path);
      expect([header.getUint32(4), header.getUint32(8)]).toEqual([0, 0]);
    }
  });

  it('tags its colours as BT.709 limited range', async () => {
    const colr = mp4Box(mp4VideoEntry(await written('colr.mp4', 16, 16, 1)).boxes, 'colr');
    expect(Buffer.from(colr.buffer, colr.byteOffset, 4).toString()).toBe('nclx');
    expect([4, 6, 8].map((at) => colr.getUint16(at))).toEqual([1, 1, 1]);
    expect(colr.getUint8(10)).toBe(0);
  });

  it.each([
    [64, 48, 64, 48],
    [17, 15, 18, 16],
    [1, 1, 2, 2],
    [3, 66, 4, 66],
  ])('of %dx%d frames is %dx%d', async (width, height, codedWidth, codedHeight) => {
    const file = await written('size.mp4', width, height, 2);
    const { entry } = mp4VideoEntry(file);
    expect([entry.getUint16(24), entry.getUint16(26)]).toEqual([codedWidth, codedHeight]);
    const tkhd = mp4Box(file, 'moov/trak/tkhd');
    expect([tkhd.getUint32(76) >>> 16, tkhd.getUint32(80) >>> 16]).toEqual([
      codedWidth,
      codedHeight,
    ]);
  });

  it('is the same bytes for the same frames', async () => {
    await written('first.mp4', 48, 32);
    await written('second.mp4', 48, 32);
    expect(await readFile(files.path('first.mp4'))).toEqual(
      await readFile(files.path('second.mp4')),
    );
  });

  it('is the same bytes beside other clips and after them', async () => {
    const alone = await written('alone.mp4', 64, 48);
    const sizes = [
      [64, 48],
      [32, 80],
      [64, 48],
    ] as const;
    const beside = sizes.map(([width, height], i) => written(`beside-${i}.mp4`, width, height));
    const [first, , third] = await Promise.all(beside);
    const after = await written('after.mp4', 64, 48);
    for (const clip of [first!, third!, after]) expect(clip).toEqual(alone);
  });

  it('enlarges before it codes, as if the frames had been larger', async () => {
    const scaled = walkingBlock(2, 8, 8);
    await writeVideo(files.path('a.mp4'), { frames: scaled, width: 8, height: 8 }, { scale: 2 });
    const large = scaled.map((rgb) =>
      Uint8Array.from({ length: 16 * 16 * 3 }, (_, at) => {
        const pixel = Math.floor(at / 3);
        const x = (pixel % 16) >> 1;
        const y = Math.floor(pixel / 16) >> 1;
        return rgb[(y * 8 + x) * 3 + (at % 3)]!;
      }),
    );
    await writeVideo(files.path('b.mp4'), { frames: large, width: 16, height: 16 });
    expect(await readFile(files.path('a.mp4'))).toEqual(await readFile(files.path('b.mp4')));
  });

  it('is smaller at a lower quality', async () => {
    const video = { frames: walkingBlock(4, 64, 64), width: 64, height: 64 };
    const sizes: number[] = [];
    for (const quality of [100, 90, 40, 1]) {
      await writeVideo(files.path('quality.mp4'), video, { quality });
      sizes.push((await readFile(files.path('quality.mp4'))).length);
    }
    expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
    expect(sizes[3]).toBeLessThan(sizes[0]!);
  });

  it('refuses sizes beyond the encoder', async () => {
    const options = { frames: [flat(1, 1, [0, 0, 0])], width: 7680, height: 4320 };
    await expect(writeVideo(files.path('8k.mp4'), options)).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('got 7680x4320'),
    });
  });
});

describe('reading mp4', () => {
  it.each([1, 100, 300])('refuses a file cut after %d bytes', async (length) => {
    const file = await written('cut.mp4', 16, 16, 1);
    const cut = new Uint8Array(file.buffer, file.byteOffset, length).slice();
    expect(() => readH264Track(cut)).toThrow(/\[mp4\] the file must be/);
  });
});
