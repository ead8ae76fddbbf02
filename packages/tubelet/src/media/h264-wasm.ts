import { TubeletError } from '../errors.js';
import {
  encoderError,
  type H264Config,
  type H264Encoder,
  type H264Stream,
  keyframeInterval,
} from './h264.js';
import { takeThread } from './h264-wasm-thread.js';
import { readH264Track } from './mp4-read.js';

/** Level 5.2, the largest the encoder knows: 4096x2304, 3840x2160 and the like. */
const maxMacroblocks = 36864;

/**
 * Up to this quantizer the encoder searches least: a third of the time, for enlarged pixel art 0.2 dB more in fewer bytes, for
 * filmed clips 0.15 dB less. Above it the thorough search is worth up to 6 dB.
 */
const coarsestQuick = 20;

/**
 * The encoder that is always there: minih264 as WebAssembly (npm h264-mp4-encoder 1.0.12), on a worker thread that stays for
 * the next clip. Integer arithmetic and one thread, so its bytes are the same on every machine. It ignores `fps`.
 *
 * @throws TubeletError UNSUPPORTED for frames of more than 36,864 macroblocks of 16x16 pixels
 */
export function createWasmEncoder({ width, height, fps, quantizer }: H264Config): H264Encoder {
  const macroblocks = Math.ceil(width / 16) * Math.ceil(height / 16);
  if (macroblocks > maxMacroblocks) {
    const limit = `at most ${maxMacroblocks} blocks of 16x16 (3840x2160 fits)`;
    throw new TubeletError(
      'UNSUPPORTED',
      'mp4',
      `size must be = ${limit}, got ${width}x${height}, which has ${macroblocks}`,
    );
  }
  const thread = takeThread();
  let isOpen = true;
  let previous = ask({
    width,
    height,
    quantizationParameter: quantizer,
    groupOfPictures: keyframeInterval(fps),
    speed: quantizer <= coarsestQuick ? 10 : 0,
  });

  function ask(message: Parameters<typeof thread.ask>[0]): Promise<Uint8Array | null> {
    const answer = thread.ask(message);
    // A failure is reported by the next call; this one only must not be unhandled.
    answer.catch(() => undefined);
    return answer;
  }

  return {
    async encode(i420) {
      const ready = previous;
      previous = ask(i420);
      await ready;
    },
    async finish(): Promise<H264Stream> {
      const file = await ask(null);
      if (file === null) throw encoderError('built-in', 'it returned no file');
      isOpen = false;
      thread.release();
      return readH264Track(file);
    },
    close() {
      if (isOpen) thread.terminate();
      isOpen = false;
    },
  };
}
