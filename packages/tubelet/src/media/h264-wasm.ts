import { Worker } from 'node:worker_threads';
import { TubeletError } from '../errors.js';
import {
  encoderError,
  type H264Config,
  type H264Encoder,
  type H264Stream,
  keyframeInterval,
} from './h264.js';
import { readH264Track } from './mp4-read.js';

/** Level 5.2, the largest the encoder knows: 4096x2304, 3840x2160 and the like. */
const maxMacroblocks = 36864;

/**
 * The encoder that is always there: minih264 as WebAssembly (npm h264-mp4-encoder 1.0.12), on a worker thread. Integer
 * arithmetic and one thread, so its bytes are the same on every machine. It ignores `fps`.
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
  const worker = new Worker(new URL('./h264-wasm-worker.mjs', import.meta.url), {
    workerData: {
      width,
      height,
      quantizationParameter: quantizer,
      groupOfPictures: keyframeInterval(fps),
    },
  });
  // Only an answer that somebody waits for may keep the process alive.
  worker.unref();

  type Answer = Uint8Array | null;
  const waiting: { resolve: (answer: Answer) => void; reject: (error: unknown) => void }[] = [];
  let failure: TubeletError | undefined;

  function fail(cause: unknown): void {
    failure ??= encoderError('built-in', cause);
    for (const { reject } of waiting.splice(0)) reject(failure);
    worker.unref();
  }
  worker.on('error', fail);
  worker.on('exit', () => fail('its thread ended'));
  worker.on('message', (answer: Answer | Error) => {
    if (answer instanceof Error) return fail(answer);
    waiting.shift()?.resolve(answer);
    if (waiting.length === 0) worker.unref();
    return undefined;
  });

  function ask(message: Uint8Array | null): Promise<Answer> {
    if (failure !== undefined) return Promise.reject(failure);
    worker.ref();
    const answer = new Promise<Answer>((resolve, reject) => waiting.push({ resolve, reject }));
    worker.postMessage(message, message === null ? [] : [message.buffer as ArrayBuffer]);
    return answer;
  }

  let previous: Promise<Answer> = Promise.resolve(null);
  return {
    async encode(i420) {
      const ready = previous;
      previous = ask(i420);
      // A failure is reported by the next call; this one only must not be unhandled.
      previous.catch(() => undefined);
      await ready;
    },
    async finish(): Promise<H264Stream> {
      const file = await ask(null);
      if (file === null) throw encoderError('built-in', 'it returned no file');
      return readH264Track(file);
    },
    close() {
      void worker.terminate();
    },
  };
}
