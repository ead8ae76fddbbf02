import { Worker } from 'node:worker_threads';
import type { TubeletError } from '../errors.js';
import { encoderError } from './h264.js';

/** What begins a clip, in the names of the encoder's module. */
export interface ClipSettings {
  readonly width: number;
  readonly height: number;
  readonly quantizationParameter: number;
  readonly groupOfPictures: number;
  /** 0, the most thorough search, to 10. */
  readonly speed: number;
}

/** The thread that encodes one clip after another. */
export interface EncoderThread {
  /** Settings begin a clip, bytes are a frame and are handed over, null is the end, answered by the mp4. */
  ask(message: ClipSettings | Uint8Array | null): Promise<Uint8Array | null>;
  /** Between two clips: for whoever needs one next. */
  release(): void;
  /** At once, also in the middle of a frame. */
  terminate(): void;
}

/** One that has ended its clip: its code is compiled. */
let idle: EncoderThread | undefined;

export function takeThread(): EncoderThread {
  const thread = idle ?? startThread();
  idle = undefined;
  return thread;
}

function startThread(): EncoderThread {
  const worker = new Worker(new URL('./h264-wasm-worker.mjs', import.meta.url));
  // Only an answer that somebody waits for may keep the process alive.
  worker.unref();

  type Answer = Uint8Array | null;
  const waiting: { resolve: (answer: Answer) => void; reject: (error: unknown) => void }[] = [];
  let failure: TubeletError | undefined;

  const thread: EncoderThread = {
    ask(message) {
      if (failure !== undefined) return Promise.reject(failure);
      worker.ref();
      const answer = new Promise<Answer>((resolve, reject) => waiting.push({ resolve, reject }));
      const handedOver = message instanceof Uint8Array ? [message.buffer as ArrayBuffer] : [];
      worker.postMessage(message, handedOver);
      return answer;
    },
    release() {
      if (failure === undefined && idle === undefined) idle = thread;
      else thread.terminate();
    },
    terminate() {
      void worker.terminate();
    },
  };

  function fail(cause: unknown): void {
    failure ??= encoderError('built-in', cause);
    for (const { reject } of waiting.splice(0)) reject(failure);
    worker.unref();
    if (idle === thread) idle = undefined;
  }
  worker.on('error', fail);
  worker.on('exit', () => fail('its thread ended'));
  worker.on('message', (answer: Answer | Error) => {
    if (answer instanceof Error) return fail(answer);
    waiting.shift()?.resolve(answer);
    if (waiting.length === 0) worker.unref();
    return undefined;
  });
  return thread;
}
