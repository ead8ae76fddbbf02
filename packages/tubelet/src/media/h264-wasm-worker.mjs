// The encoder's module runs on a thread of its own: it would block the event loop, and it installs handlers for uncaught
// exceptions and rejections that must not reach the host's process.
import { parentPort } from 'node:worker_threads';
import h264 from 'h264-mp4-encoder';

/**
 * @typedef {import('h264-mp4-encoder').H264MP4Encoder} Encoder
 * @typedef {import('./h264-wasm-thread.js').ClipSettings} ClipSettings
 */
const port = /** @type {import('node:worker_threads').MessagePort} */ (parentPort);

/** Of the clip under way. @type {Promise<Encoder>} */
let opened;

/** Settings begin a clip, a Uint8Array is a frame of it, null is its end: answered by null, null, the mp4's bytes. */
port.on('message', async (/** @type {ClipSettings | Uint8Array | null} */ message) => {
  try {
    if (message !== null && !(message instanceof Uint8Array)) opened = open(message);
    const encoder = await opened;
    if (message instanceof Uint8Array) encoder.addFrameYuv(message);
    port.postMessage(message === null ? close(encoder) : null);
  } catch (error) {
    // C++ exceptions arrive as numbers.
    port.postMessage(error instanceof Error ? error : new Error(`WebAssembly: ${error}`));
  }
});

/** @param {ClipSettings} settings */
async function open(settings) {
  const encoder = Object.assign(await h264.createH264MP4Encoder(), settings);
  encoder.initialize();
  return encoder;
}

/** @param {Encoder} encoder */
function close(encoder) {
  encoder.finalize();
  const file = encoder.FS.readFile(encoder.outputFilename);
  encoder.FS.unlink(encoder.outputFilename);
  encoder.delete();
  return file;
}
