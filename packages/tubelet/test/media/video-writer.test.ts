import { chmod, lstat, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { TubeletError } from '../../src/errors.js';
import { checkOutputPath } from '../../src/media/output-path.js';
import { createVideoWriter, writeVideo } from '../../src/media/video-writer.js';
import { flat, testFolder, walkingBlock } from './clips.js';

const files = testFolder();
const size = { width: 16, height: 16 };
const frames = walkingBlock(3, 16, 16);

describe('checkOutputPath', () => {
  it.each([
    ['a.mp4', 'mp4'],
    ['b.MP4', 'mp4'],
    ['c.jpeg', 'jpg'],
    ['d.e.webp', 'webp'],
  ])('knows the format of %s', async (name, format) => {
    expect(await checkOutputPath(files.path(name))).toBe(format);
  });

  it.each(['a.mov', 'a', '.mp4', 'a.mp4.', 'mp4'])(
    'refuses %s with what is possible',
    async (name) => {
      const error = await checkOutputPath(files.path(name)).catch((caught: unknown) => caught);
      expect(TubeletError.isInstance(error)).toBe(true);
      expect(error).toMatchObject({
        code: 'UNSUPPORTED',
        message: expect.stringContaining('.mp4, .gif, .webp, .png'),
      });
    },
  );

  it('refuses a folder that is not there, or is a file', async () => {
    await expect(checkOutputPath(files.path('no/such/a.mp4'))).rejects.toThrow(
      `[media] the output folder must be = an existing folder, got ${files.path('no/such')}`,
    );
    await writeFile(files.path('plain'), '');
    await expect(checkOutputPath(files.path('plain/a.mp4'))).rejects.toMatchObject({ code: 'IO' });
  });

  it('refuses a folder in the place of the file', async () => {
    await mkdir(files.path('folder.mp4'));
    await expect(checkOutputPath(files.path('folder.mp4'))).rejects.toThrow(
      /must be = a file, got/,
    );
  });

  // Root may write everywhere.
  it.skipIf(process.getuid?.() === 0)('refuses what may not be written (root may)', async () => {
    await mkdir(files.path('locked'), { mode: 0o500 });
    await expect(checkOutputPath(files.path('locked/a.mp4'))).rejects.toThrow(/must be = writable/);
    await writeFile(files.path('kept.mp4'), '');
    await chmod(files.path('kept.mp4'), 0o400);
    await expect(checkOutputPath(files.path('kept.mp4'))).rejects.toThrow(/must be = writable/);
  });
});

describe('createVideoWriter', () => {
  it.each([
    ['width', { width: 0 }],
    ['height', { height: 2.5 }],
    ['width', { width: 70000 }],
    ['width', { width: 4096, scale: 64 }],
    ['fps', { fps: 0 }],
    ['fps', { fps: Number.NaN }],
    ['fps', { fps: 1e9 }],
    ['scale', { scale: 1.5 }],
    ['scale', { scale: 0 }],
    ['quality', { quality: 101 }],
    ['codec', { codec: 'x' as 'wasm' }],
  ])('refuses a wrong %s: %o', async (what, wrong) => {
    const opening = createVideoWriter(files.path('refused.mp4'), { ...size, ...wrong });
    await expect(opening).rejects.toThrow(`[writeVideo] ${what} must be = `);
  });

  it('refuses options and paths that it does not know', async () => {
    const still = { frames: [new Uint8Array(192)], width: 8, height: 8 };
    const wrong = { qualty: 5 } as object;
    await expect(writeVideo('never.png', still, wrong)).rejects.toThrow('got qualty');
    const none = undefined as unknown as string;
    await expect(writeVideo(none, still)).rejects.toThrow('path must be = text, got undefined');
  });

  it('refuses a frame of another size, and no frames', async () => {
    await using writer = await createVideoWriter(files.path('refused.mp4'), size);
    await expect(writer.addFrame(flat(16, 15, [0, 0, 0]))).rejects.toThrow(
      '[writeVideo] frame bytes must be = 16*16*3 = 768, got 720',
    );
    await expect(writer.finish()).rejects.toThrow(
      '[writeVideo] frames must be = at least 1, got 0',
    );
  });

  it('writes what writeVideo writes, frames not awaited and then overwritten', async () => {
    await writeVideo(files.path('whole.mp4'), { ...size, frames });
    const writer = await createVideoWriter(files.path('streamed.mp4'), size);
    const reused = new Uint8Array(16 * 16 * 3);
    const adding = frames.map((frame) => {
      reused.set(frame);
      return writer.addFrame(reused);
    });
    reused.fill(0);
    await Promise.all(adding);
    await writer.finish();
    expect(await readFile(files.path('streamed.mp4'))).toEqual(
      await readFile(files.path('whole.mp4')),
    );
  });

  it('takes frames as they are made', async () => {
    async function* made() {
      yield* frames;
    }
    await writeVideo(files.path('made.png'), { ...size, frames: made() });
    await writeVideo(files.path('given.png'), { ...size, frames });
    expect(await readFile(files.path('made.png'))).toEqual(await readFile(files.path('given.png')));
  });

  it('refuses frames after the end', async () => {
    const writer = await createVideoWriter(files.path('ended.png'), size);
    await writer.addFrame(frames[0]!);
    await writer.finish();
    await expect(writer.addFrame(frames[0]!)).rejects.toMatchObject({ code: 'DISPOSED' });
    await expect(writer.finish()).rejects.toMatchObject({ code: 'DISPOSED' });
    await writer.abort();
    expect((await readFile(files.path('ended.png'))).length).toBeGreaterThan(0);
  });
});

describe('a file is whole or not there', () => {
  it.each(['mp4', 'gif', 'webp', 'png'])(
    '%s: after an abort the old file is as it was',
    async (kind) => {
      await mkdir(files.path(`aborted-${kind}`));
      const path = files.path(`aborted-${kind}/clip.${kind}`);
      await writeFile(path, 'before');
      const controller = new AbortController();
      const writer = await createVideoWriter(path, { ...size, signal: controller.signal });
      await writer.addFrame(frames[0]!);
      const finishing = writer.finish();
      controller.abort(new Error('stop'));
      await expect(finishing).rejects.toMatchObject({ code: 'ABORTED', cause: new Error('stop') });
      expect(await readdir(files.path(`aborted-${kind}`))).toEqual([`clip.${kind}`]);
      expect(await readFile(path, 'utf8')).toBe('before');
    },
  );

  it('an abort ends a frame that is being coded', async () => {
    const controller = new AbortController();
    const large = { width: 1280, height: 720, signal: controller.signal };
    const writer = await createVideoWriter(files.path('large.mp4'), large);
    const rgb = flat(1280, 720, [1, 2, 3]);
    const adding = [writer.addFrame(rgb), writer.addFrame(rgb)];
    controller.abort();
    await expect(Promise.all(adding)).rejects.toMatchObject({ code: 'ABORTED' });
    await expect(writer.finish()).rejects.toMatchObject({ code: 'ABORTED' });
  });

  it('refuses to start after an abort', async () => {
    const signal = AbortSignal.abort();
    await expect(
      createVideoWriter(files.path('late.mp4'), { ...size, signal }),
    ).rejects.toMatchObject({
      code: 'ABORTED',
    });
  });

  it('leaves nothing when the frames fail', async () => {
    await mkdir(files.path('failed'));
    async function* failing() {
      yield frames[0]!;
      throw new Error('decoder');
    }
    const writing = writeVideo(files.path('failed/a.mp4'), { ...size, frames: failing() });
    await expect(writing).rejects.toThrow('decoder');
    expect(await readdir(files.path('failed'))).toEqual([]);
  });

  it('says when the folder went away, in one sentence', async () => {
    await mkdir(files.path('gone'));
    const writer = await createVideoWriter(files.path('gone/a.png'), size);
    await writer.addFrame(frames[0]!);
    await rm(files.path('gone'), { recursive: true });
    await expect(writer.finish()).rejects.toMatchObject({
      code: 'IO',
      message: expect.stringMatching(/^\[media\] cannot write .*gone\/a\.png: ENOENT/),
    });
  });

  it('writes through a symbolic link', async () => {
    await writeFile(files.path('target.png'), '');
    await symlink(files.path('target.png'), files.path('link.png'));
    await writeVideo(files.path('link.png'), { ...size, frames });
    expect((await lstat(files.path('link.png'))).isSymbolicLink()).toBe(true);
    expect((await readFile(files.path('target.png'))).length).toBeGreaterThan(0);
  });

  it('keeps handlers for failures off the process', async () => {
    const listeners = () =>
      ['unhandledRejection', 'uncaughtException'].map((name) => process.listenerCount(name));
    const before = listeners();
    await writeVideo(files.path('handlers.mp4'), { ...size, frames });
    expect(listeners()).toEqual(before);
  });
});
