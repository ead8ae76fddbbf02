// The encoder's module runs on a thread of its own: it would block the event loop, and it installs handlers for uncaught
// exceptions and rejections that must not reach the host's process.
import { parentPort, workerData } from 'node:worker_threads';
import h264 from 'h264-mp4-encoder';

const port = /** @type {import('node:worker_threads').MessagePort} */ (parentPort);
const encoder = await h264.createH264MP4Encoder();
Object.assign(encoder, workerData);
encoder.initialize();

/** A Uint8Array is a frame, answered by null; null is the end, answered by the mp4's bytes. */
port.on('message', (/** @type {Uint8Array | null} */ i420) => {
  try {
    if (i420 !== null) {
      encoder.addFrameYuv(i420);
      port.postMessage(null);
      return;
    }
    encoder.finalize();
    port.postMessage(encoder.FS.readFile(encoder.outputFilename));
  } catch (error) {
    // C++ exceptions arrive as numbers.
    port.postMessage(error instanceof Error ? error : new Error(`WebAssembly: ${error}`));
  }
});
