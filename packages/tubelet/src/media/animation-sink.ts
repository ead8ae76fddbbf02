import sharp, { type Sharp } from 'sharp';
import { TubeletError } from '../errors.js';
import { check } from './check.js';
import type { FrameSink, SinkConfig } from './frame-sink.js';

/** Browsers show a gif's delay below 20 ms as 100 ms. */
const maxGifFps = 50;
const maxWebpSide = 16383;
const maxWebpFps = 1000;

/**
 * Each frame's time on screen in milliseconds, whole multiples of `tick`: rounded on the clip's clock, not frame by frame,
 * so that the sum is right to half a tick however long the clip is.
 */
export function frameDelays(count: number, fps: number, tick: number): number[] {
  const shownAt = (frame: number): number => Math.round((frame * 1000) / fps / tick) * tick;
  return Array.from({ length: count }, (_, frame) => shownAt(frame + 1) - shownAt(frame));
}

/** A gif that loops for ever: 256 colours, dithered, delays in hundredths of a second. It has no quality. */
export function createGifSink(config: SinkConfig): FrameSink {
  check(config.fps <= maxGifFps, 'gif', 'fps', `at most ${maxGifFps}`, config.fps);
  check(config.quality === undefined, 'gif', 'quality', 'absent (a gif has none)', config.quality);
  return animationSink(config, (frames, count) =>
    frames
      .gif({
        delay: frameDelays(count, config.fps, 10),
        loop: 0,
        effort: 10,
        keepDuplicateFrames: true,
      })
      .toBuffer(),
  );
}

/** A WebP that loops for ever: lossless unless a quality is given; delays in milliseconds. */
export function createWebpSink(config: SinkConfig): FrameSink {
  const { width, height, fps, quality } = config;
  check(fps <= maxWebpFps, 'webp', 'fps', `at most ${maxWebpFps}`, fps);
  if (Math.max(width, height) > maxWebpSide) {
    const message = `each side must be = at most ${maxWebpSide}, got ${width}x${height}`;
    throw new TubeletError('UNSUPPORTED', 'webp', message);
  }
  const coding = quality === undefined ? { lossless: true } : { quality, smartSubsample: true };
  return animationSink(config, (frames, count) =>
    frames.webp({ delay: frameDelays(count, fps, 1), loop: 0, effort: 4, ...coding }).toBuffer(),
  );
}

function animationSink(
  { width, height }: SinkConfig,
  code: (frames: Sharp, count: number) => Promise<Uint8Array>,
): FrameSink {
  const frames: Uint8Array[] = [];
  return {
    async add(rgb) {
      frames.push(rgb);
    },
    async finish() {
      // sharp takes an animation as one tall picture.
      const tall = {
        width,
        height: height * frames.length,
        channels: 3,
        pageHeight: height,
      } as const;
      const joined = Buffer.concat(frames);
      return [await code(sharp(joined, { raw: tall, limitInputPixels: false }), frames.length)];
    },
    close() {
      frames.length = 0;
    },
  };
}
