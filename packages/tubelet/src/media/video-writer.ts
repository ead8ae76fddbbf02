import { TubeletError } from '../errors.js';
import { check, checkWhole } from './check.js';
import type { FrameSink, SinkConfig } from './frame-sink.js';
import { createMp4Sink, type Mp4Codec } from './mp4-sink.js';
import { checkOutputPath, type MediaFormat } from './output-path.js';
import { checkRgb, checkSize, enlargeNearest } from './rgb-image.js';
import { abortError, checkAborted, writeFileWhole } from './write-file-whole.js';

/** How frames are written, whatever the format. */
export interface WriteVideoOptions {
  /** Each pixel becomes a block of `scale * scale`, unblended: whole, 1 to 64, default 1. */
  readonly scale?: number;
  /**
   * 1 to 100. mp4: default 90 (QP 14; 100 is QP 10, 1 is QP 51). webp: lossless when absent. jpg: default 95. gif and png
   * have none and refuse it.
   */
  readonly quality?: number;
  /** mp4 only. Default `wasm`, the same bytes on every machine; `ffmpeg` is faster on large frames. */
  readonly codec?: Mp4Codec;
  /** Aborting stops the encoder and leaves nothing behind; the pending call throws TubeletError ABORTED. */
  readonly signal?: AbortSignal;
}

/** The same, with the size and the speed of the frames. */
export interface VideoWriterOptions extends WriteVideoOptions {
  /** Size of the frames that are added, before `scale`. */
  readonly width: number;
  readonly height: number;
  /** Frames a second, above 0 and at most 1000; gif at most 50. A still ignores it; default 16. */
  readonly fps?: number;
}

/** Writes a file frame by frame, as they come. The file appears whole when `finish` resolves, or not at all. */
export interface VideoWriter extends AsyncDisposable {
  /**
   * Adds an RGB frame, `width * height * 3` bytes, row-major; it is copied. Resolves when the writer is ready for the next.
   *
   * @throws TubeletError BAD_INPUT, ABORTED, DISPOSED (after finish or abort), or IO when the encoder fails
   */
  addFrame(rgb: Uint8Array): Promise<void>;
  /** Writes the file. @throws as addFrame; BAD_INPUT without a frame */
  finish(): Promise<void>;
  /** Ends without a file; does nothing after `finish`. `await using` calls it. */
  abort(): Promise<void>;
}

const maxScale = 64;
const maxFps = 1000;
const defaultFps = 16;

// sharp, which some sinks use, takes as long to load as all our own code: whoever writes an mp4 does without.
async function createSink(
  format: MediaFormat,
  config: SinkConfig,
  codec: Mp4Codec,
): Promise<FrameSink> {
  switch (format) {
    case 'mp4':
      return createMp4Sink(config, codec);
    case 'gif':
      return (await import('./animation-sink.js')).createGifSink(config);
    case 'webp':
      return (await import('./animation-sink.js')).createWebpSink(config);
    case 'png':
      return (await import('./still-sink.js')).createPngSink(config);
    case 'jpg':
      return (await import('./still-sink.js')).createJpgSink(config);
  }
}

/**
 * Opens a writer for mp4, gif, webp, png (several frames: a sheet) or jpg (one frame), by the path's extension. Everything
 * that can be refused is refused here, so it is best called before the frames are made.
 *
 * @throws TubeletError BAD_INPUT, UNSUPPORTED (extension, size) or IO (folder)
 */
export async function createVideoWriter(
  path: string,
  options: VideoWriterOptions,
): Promise<VideoWriter> {
  check(typeof path === 'string', 'writeVideo', 'path', 'text', typeof path);
  const {
    width,
    height,
    fps = defaultFps,
    scale = 1,
    quality,
    codec = 'wasm',
    signal,
    ...rest
  } = options;
  const unknown = Object.keys(rest);
  check(unknown.length === 0, 'writeVideo', 'options', 'scale, quality, codec, signal', unknown);
  checkWhole('writeVideo', 'scale', scale, 1, maxScale);
  checkSize('writeVideo', width, height);
  checkSize('writeVideo', width * scale, height * scale);
  check(fps > 0 && fps <= maxFps, 'writeVideo', 'fps', `above 0, at most ${maxFps}`, fps);
  if (quality !== undefined) checkWhole('writeVideo', 'quality', quality, 1, 100);
  check(codec === 'wasm' || codec === 'ffmpeg', 'writeVideo', 'codec', 'wasm or ffmpeg', codec);
  const format = await checkOutputPath(path);
  checkAborted(signal);
  const config = { width: width * scale, height: height * scale, fps, quality };
  const sink = await createSink(format, config, codec);

  let frameCount = 0;
  let isOpen = true;
  // An abort must also end a call that waits for the encoder.
  let rejectAborted: (error: TubeletError) => void;
  const aborted = new Promise<never>((_, reject) => {
    rejectAborted = reject;
  });
  aborted.catch(() => undefined);
  function onAbort(): void {
    sink.close();
    rejectAborted(abortError(signal));
  }
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) onAbort();

  function close(): void {
    isOpen = false;
    signal?.removeEventListener('abort', onAbort);
    sink.close();
  }
  function checkOpen(): void {
    checkAborted(signal);
    if (!isOpen) {
      throw new TubeletError(
        'DISPOSED',
        'writeVideo',
        'the writer must be = open, got a closed one',
      );
    }
  }
  async function abort(): Promise<void> {
    close();
  }

  return {
    async addFrame(rgb) {
      checkOpen();
      checkRgb('writeVideo', rgb, width, height);
      frameCount++;
      await Promise.race([sink.add(enlargeNearest({ data: rgb, width, height }, scale)), aborted]);
    },
    async finish() {
      checkOpen();
      check(frameCount > 0, 'writeVideo', 'frames', 'at least 1', frameCount);
      isOpen = false;
      try {
        await writeFileWhole(path, await Promise.race([sink.finish(), aborted]), signal);
      } finally {
        close();
      }
    },
    abort,
    [Symbol.asyncDispose]: abort,
  };
}

/** A clip in memory: one RGB array of `width * height * 3` bytes per frame; `fps` frames a second, default 16. */
export interface VideoFrames {
  readonly frames: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
  readonly width: number;
  readonly height: number;
  readonly fps?: number;
}

/**
 * Writes a clip as mp4, gif, webp, png (several frames: a sheet) or jpg (one frame), by the path's extension. The same
 * frames and options give the same bytes.
 *
 * @throws TubeletError BAD_INPUT, UNSUPPORTED, IO or ABORTED; the file is then as it was before
 */
export async function writeVideo(
  path: string,
  video: VideoFrames,
  options: WriteVideoOptions = {},
): Promise<void> {
  const { width, height, fps } = video;
  const writer = await createVideoWriter(path, { ...options, width, height, fps });
  try {
    for await (const frame of video.frames) await writer.addFrame(frame);
    await writer.finish();
  } finally {
    await writer.abort();
  }
}
